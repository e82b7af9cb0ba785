@lab @smoke
Feature: Names and pages through the lab's router
  The lab's Internet knows the name example.test and serves a page there. Both
  are reached as a client of the LAN would: by the DNS server of its lease.

  Background:
    Given I create 10 clients connected to the router

  Scenario: Every client resolves a name through the router
    Then each client should resolve "example.test"
    And each client should resolve "www.example.test"

  Scenario: Every client fetches a page
    Then each client should fetch "http://example.test/"
