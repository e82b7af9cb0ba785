@lab @scale @thousand
Feature: A thousand clients
  As many as the lab's router serves without a loss, on one machine, each able to
  reach every other.

  Scenario: A thousand clients at once
    Given I create 1000 virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And no two clients should have the same IP address
    And all clients should have their lease from the same DHCP server
    When all clients ping the router in parallel
    Then each client should successfully reach the router
    And the 95th percentile latency to the router should be under 100 ms
    And no client should lose more than 1% of its pings
    And each client should successfully reach the internet
