Feature: Connectivity of all clients at once

  @smoke @internet
  Scenario: Ten clients ping Google DNS
    Given I create 10 virtual clients using macvlan
    When all clients attempt to ping Google DNS
    Then all clients should respond successfully

  @smoke
  Scenario: Ten clients ping their router at the same time
    Given I create 10 clients connected to the router
    When all clients attempt to ping the router simultaneously using "IPV4"
    Then each client should successfully reach the router
    And the overall network connectivity should remain stable

  @internet
  Scenario: Router and Internet from the same clients
    Given I create 20 clients connected to the router
    When All the client pinging parallel
    Then each client should successfully reach the router
    And each client should successfully reach the internet
