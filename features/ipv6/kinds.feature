@ipv6 @lab @builtin @scale
Feature: Every kind of IPv6 that routers offer
  One router has hosts make their addresses, another leases them, a third speaks
  IPv4 alone. A hundred clients take what there is.

  Scenario: Both families
    Given I create 100 virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And each client should have a global IPv6 address
    And no two clients should receive duplicate IP addresses (IPv4 or IPv6)
    When all clients attempt to ping the router simultaneously using "IPV4"
    Then each client should successfully reach the router
    When all clients attempt to ping the router simultaneously using "IPV6"
    Then each client should successfully reach the router

  Scenario: Addresses by DHCPv6 only
    Given the lab router gives IPv6 addresses by DHCPv6 only
    When I create 100 virtual clients using macvlan
    Then each client should have a DHCPv6 address
    And each client should have a global IPv6 address
    And each client should have a name server by IPv6
    And no two clients should receive duplicate IP addresses (IPv4 or IPv6)
    When all clients attempt to ping the router simultaneously using "IPV6"
    Then each client should successfully reach the router

  Scenario: Addresses of both kinds
    Given the lab router gives IPv6 addresses by DHCPv6, too
    When I create 100 virtual clients using macvlan
    Then each client should have a DHCPv6 address
    And no two clients should receive duplicate IP addresses (IPv4 or IPv6)

  Scenario: Name servers by DHCPv6
    Given the lab router tells name servers by DHCPv6
    When I create 100 virtual clients using macvlan
    Then each client should have a global IPv6 address
    And each client should have a name server by IPv6
    And the router should follow the IPv6 standards

  Scenario: IPv4 alone
    Given the lab router sends no router advertisements
    When I create 100 virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And no two clients should receive the same IP address
    When all clients attempt to ping the router simultaneously using "IPV4"
    Then each client should successfully reach the router
