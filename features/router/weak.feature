@lab
Feature: Clients of a router with weaknesses
  Not every router that misbehaves is broken: one may lose a message, be slow, or
  reboot at the wrong moment. Clients ask again, and must get what they need.

  @builtin
  Scenario: A router that loses DHCP messages
    Given the lab router drops every 8th DHCP message
    When I create 10 clients connected to the router
    Then each client should receive a valid IP address from the router
    And no two clients should receive the same IP address

  @builtin
  Scenario: A router that thinks before it answers
    Given the lab router delays DHCP by 300 ms
    When I create 10 clients connected to the router
    Then each client should receive a valid IP address from the router
    And all clients should have their lease from the same DHCP server

  Scenario: A router with an address for each client and none to spare
    Given the lab router hands out 10 addresses
    When I create 10 clients connected to the router
    Then no two clients should receive the same IP address
    And all assigned IPs should be reachable

  @builtin
  Scenario: A router that reboots while clients ask for addresses
    Given the lab router reboots after 5 leases
    When I create 10 clients connected to the router
    Then 10 of 10 clients should get an address within 30 seconds
    And each client should receive a valid IP address from the router

  Scenario: A router that reboots while clients have addresses
    Given I create 10 clients connected to the router
    When the lab router reboots
    Then each client should successfully reach the router
    And each client should successfully reach the internet

  Scenario: A guest network
    Given the lab router isolates clients
    And I create 10 clients connected to the router
    Then each client should successfully reach the router
    And each client should successfully reach the internet
