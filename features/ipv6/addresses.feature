@ipv6
Feature: IPv6 addresses
  Every device in a home asks the router for IPv6, and speaks both.

  Background:
    Given I create 10 virtual clients using macvlan

  Scenario: Each client makes itself an address
    Then each client should have a global IPv6 address
    And each client should have a name server by IPv6
    And no two clients should receive duplicate IP addresses (IPv4 or IPv6)
    And no two clients should have the same interface identifier
    And all assigned IPv4 and IPv6 addresses should be reachable
    And the router should follow the IPv6 standards

  @internet
  Scenario: Clients reach the Internet by both
    When all clients attempt to ping Google DNS "IPV6"
    Then all clients should respond successfully
    When all clients attempt to ping the router simultaneously using "IPV6"
    Then each client should successfully reach the router
    And all clients should reach the internet over IPv6
    When all clients attempt to ping Google DNS "IPV4"
    Then each client should successfully reach the internet
