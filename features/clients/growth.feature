@scale
Feature: Growing numbers of clients
  A router that serves ten clients may not serve two hundred: its address pool,
  its lease table or its patience may end sooner.

  Scenario Outline: <clients> clients at once
    Given I create <clients> virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And no two clients should have the same IP address
    When all clients ping the router in parallel
    Then each client should successfully reach the router
    And the overall network connectivity should remain stable

    Examples:
      | clients |
      | 10      |
      | 20      |
      | 50      |
      | 100     |
      | 200     |
