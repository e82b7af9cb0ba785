@hardware @internet
Feature: Names and pages through a real router

  Background:
    Given I create 10 clients connected to the router

  Scenario: Every client resolves a public name
    Then each client should resolve "example.com"

  Scenario: Every client fetches a public page
    Then each client should fetch "http://example.com/"
