Feature: Who answers, and what
  On a home's LAN one DHCP server answers. It gives out no address that somebody
  has, and options to hosts that have an address of their own.

  Scenario: No second DHCP server
    Given I create 20 virtual clients using macvlan
    Then only the router should answer DHCP

  Scenario: Options without a lease
    Given I create 20 virtual clients using macvlan
    Then the router should answer INFORM with options and no lease

  Scenario: No address of another host
    Given I create 20 virtual clients using macvlan
    Then no client should have the address of another host

  @lab
  Scenario: An address that a printer has is not used
    Given 1 hosts of the LAN have addresses that the lab router gives out
    And I create 3 virtual clients using macvlan
    Then no client should have the address of another host
    And all clients should keep their addresses for 2 seconds
