@lab
Feature: A pool that is used up
  A router that has P addresses serves P clients. The next one hears nothing, and
  is served when somebody gives an address back.

  Scenario: The pool is used up, and an address becomes free
    Given the lab router hands out 5 addresses
    When 5 clients ask for an address
    Then 5 of 5 clients should get an address within 60 seconds
    When one more client asks for an address
    Then 5 of 6 clients should get an address within 10 seconds
    And the router should renew all leases when asked
    When one client releases its address
    Then all clients that wait should get an address within 60 seconds
    And no two clients should have the same IP address

  Scenario: Released addresses are free again
    Given the lab router hands out 5 addresses
    And I create 5 virtual clients using macvlan
    When all clients release their addresses
    And 5 clients ask for an address
    Then 5 of 10 clients should get an address within 60 seconds
    And no two clients should have the same IP address

  Scenario: A declined address is not given out again
    Given I create 5 virtual clients using macvlan
    When all clients decline their addresses
    Then no declined address should be given out again
    And all clients should have an address again within 60 seconds
