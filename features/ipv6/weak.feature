@ipv6 @lab @builtin
Feature: Clients of a router with weak IPv6
  A prefix that changes, a small MTU: hosts must cope, if the router tells them.

  Scenario: Another prefix after a reboot
    Given the lab router gets another prefix when it reboots
    When I create 10 virtual clients using macvlan
    Then each client should have a global IPv6 address
    When the lab router reboots
    Then after the router reboots the old prefix should be deprecated
    And each client should have a global IPv6 address
    And all clients should reach the internet over IPv6

  Scenario: A small MTU
    Given the lab router advertises an MTU of 1280
    When I create 10 virtual clients using macvlan
    Then each client should have a global IPv6 address
    And all clients should reach the internet over IPv6
    And each client should fetch "http://example.test/"

  Scenario: IPv4 goes on without the IPv6 Internet
    Given the IPv6 Internet is cut
    When I create 10 virtual clients using macvlan
    Then each client should have a global IPv6 address
    And each client should successfully reach the internet
    And each client should fetch "http://example.test/"
