Feature: Leases that are renewed
  A client asks its own server for more of its lease at T1, any server at T2, and
  gives its address up when nobody has answered until the end (RFC 2131 §4.4.5).

  @lab @short-leases
  Scenario: A lease is renewed at T1
    Given the lab router gives leases of 10 seconds
    And I create 20 virtual clients using macvlan
    Then the router should renew all leases at T1
    And each client should successfully reach the router

  Scenario: A lease is renewed when its client asks
    Given I create 20 virtual clients using macvlan
    Then the router should renew all leases when asked
    And each client should successfully reach the router

  @lab @builtin
  Scenario: A lease is rebound at T2, after unicast was not answered
    Given the lab router gives leases of 6 seconds
    And the lab router does not answer renewals by unicast
    And I create 20 virtual clients using macvlan
    Then the router should rebind all leases at T2
    And all clients should keep their addresses for 2 seconds

  Scenario: A lease is rebound when its client asks by broadcast
    Given I create 20 virtual clients using macvlan
    Then the router should rebind all leases when asked

  @lab @builtin
  Scenario: A lease that nobody renews ends, and its client asks anew
    Given the lab router gives leases of 4 seconds
    And I create 20 virtual clients using macvlan
    And the lab router does not renew leases
    Then all leases should end when nobody renews them
    And all clients should have an address again within 10 seconds
