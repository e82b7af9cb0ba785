Feature: Leases that last
  A device in a home stays for days. It renews its lease before that ends, and
  nobody else gets its address meanwhile.

  @lab @builtin
  Scenario: Addresses are kept for longer than a lease lasts
    Given the lab router gives leases of 4 seconds
    And I create 20 virtual clients using macvlan
    Then all clients should keep their addresses for 10 seconds
    And no two clients should have the same IP address
    And each client should successfully reach the router

  @hardware
  Scenario: Addresses are kept for five minutes
    Given I create 10 virtual clients using macvlan
    Then all clients should keep their addresses for 300 seconds
    And each client should successfully reach the router

  @lab @builtin
  Scenario: What the router says is as the standard wants it
    Given I create 5 virtual clients using macvlan
    Then the router should follow the DHCP standard
    And all clients should have their lease from the same DHCP server

  @lab
  Scenario: Two printers have addresses that the router gives out
    Given 2 hosts of the LAN have addresses that the lab router gives out
    And I create 3 virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And no two clients should have the same IP address
    And all assigned IPs should be reachable

  Scenario: Fifty clients, ten of them at a time
    Given I create 50 virtual clients using macvlan, at most 10 at a time
    Then each client should receive a valid IP address from the router
    And no two clients should receive the same IP address
