@smoke
Feature: Virtual clients of a router
  Each client is a host of its own: a network namespace with a macvlan, a MAC
  address, a DHCP lease, routes and a resolver.

  Background:
    Given the router IP address is configured
    And the base network interface is available on the system
    And I initialize the Network Manager

  Scenario: Ten clients get addresses of their own
    When I create 10 clients connected to the router
    Then each client should receive a valid IP address from the router
    And no two clients should receive the same IP address

  Scenario: Clients reach one another
    When I provision "10" virtual clients using macvlan
    Then no two clients should receive duplicate IP addresses
    And all assigned IPs should be reachable

  Scenario: One client alone
    When I launch 1 clients using the selected topology
    Then each client should receive a valid IP address from the router
    And all assigned IPs should be reachable
