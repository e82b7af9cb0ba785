Feature: Addresses after a reboot
  A client that restarts asks for the address that it had. It gets it back, and is
  refused one that cannot be its own (RFC 2131 §3.2, §4.3.2).

  Scenario: A client that reboots has its address confirmed
    Given I create 20 virtual clients using macvlan
    Then the router should confirm all addresses when clients reboot
    And all clients should have their old address again within 5 seconds

  Scenario: An address of another network is refused
    Given I create 20 virtual clients using macvlan
    Then the router should refuse addresses of another network
    And all clients should have an address again within 20 seconds

  Scenario: The address of another client is refused
    Given I create 20 virtual clients using macvlan
    Then the router should refuse addresses of other clients
    And all clients should have an address again within 20 seconds
    And no two clients should have the same IP address

  Scenario: The same address after a release
    Given I create 20 virtual clients using macvlan
    When all clients release their addresses
    And all clients ask for an address again
    Then all clients should have their old address again within 20 seconds

  Scenario: The same address after the client's reboot
    Given I create 20 virtual clients using macvlan
    When all clients reboot
    Then all clients should have their old address again within 20 seconds

  @lab
  Scenario: The same address after the router's reboot
    Given I create 10 virtual clients using macvlan
    When the lab router reboots
    Then all clients should have their old address again within 40 seconds
    And no two clients should have the same IP address

  @lab @scale @short-leases
  Scenario: Two hundred clients live through the router's reboot
    Given the lab router gives leases of 30 seconds
    And I create 200 virtual clients using macvlan
    When the lab router reboots
    Then all clients should have an address again within 60 seconds
    And no two clients should have the same IP address
    And each client should successfully reach the router
