@scale
Feature: Clients that arrive one by one
  Devices of a household come back after a power cut within seconds, those of a
  hotel over an evening. The router must serve the last as well as the first.

  Scenario: Ten clients a second
    Given I create 30 virtual clients using macvlan at 10 per second
    Then each client should receive a valid IP address from the router
    And no two clients should have the same IP address
    And each client should successfully reach the router

  Scenario: Twenty clients over two seconds
    Given I create 20 clients connected to the router over 2 seconds
    Then each client should receive a valid IP address from the router
    And the 95th percentile latency to the router should be under 100 ms
    And no client should lose more than 1% of its pings
