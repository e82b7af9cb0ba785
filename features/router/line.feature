@lab @internet
Feature: Clients behind a bad line
  The line between the router and the Internet is slow, or is cut and mended.

  Background:
    Given I create 10 clients connected to the router

  Scenario: A slow line
    When the lab router delays packets by 150 ms
    Then each client should successfully reach the internet
    And each client should resolve "example.test"
    And each client should fetch "http://example.test/"

  Scenario: A line that is cut and mended
    Then each client should successfully reach the internet
    When the Internet is cut
    Then each client should successfully reach the router
    When the lab router works again
    Then each client should successfully reach the internet
