# A feature as it was in a Behave suite, unchanged but for its tag @hardware, which
# would leave it out in the lab: docs/from-behave.md. `go test` runs it.
@smoke
Feature: Router stress test

  Background:
    Given the router IP address is configured
    And the base network interface is available on the system
    And I initialize the Network Manager

  Scenario: Clients get addresses of their own
    When I provision "10" virtual clients using macvlan
    Then each client should receive a valid IP address from the router
    And no two clients should receive duplicate IP addresses (IPv4 or IPv6)
    And all assigned IPs should be reachable

  Scenario Outline: <clients> clients ping at the same time
    When I create <clients> virtual clients using macvlan
    And all clients attempt to ping the router simultaneously using "IPV4"
    And all clients attempt to ping Google DNS "IPV4"
    Then all clients should respond successfully
    And the overall network connectivity should remain stable

    Examples:
      | clients |
      | 5       |
      | 10      |

  Scenario: Clients download the same file
    Given a 20MB ZIP file URL is configured as the download source
    And the host machine can reach the download server
    When I launch 5 clients using the selected topology
    And all clients start downloading the 20MB ZIP file simultaneously
    Then each client should complete the download

  Scenario: A random workload
    Given I create 5 virtual clients using macvlan
    When I assign a random workload to each client for "3" seconds
    And I start the stress test
    Then I should see results for each namespace
