@lab @internet
Feature: Latency under load
  A router that lets packets wait for long makes calls and games unusable while
  somebody downloads. The grades are those of a well-known speed test.

  Scenario: A router with a deep buffer
    Given the lab's line is 20/5 Mbit/s
    And the lab's line has a buffer of 500 ms
    And I create 4 virtual clients using macvlan
    When all clients load the line for 15 seconds
    Then the latency under load should be graded "F"

  Scenario: A router with a shallow buffer
    Given the lab's line is 20/5 Mbit/s
    And the lab's line has a buffer of 20 ms
    And I create 4 virtual clients using macvlan
    When all clients load the line for 10 seconds
    Then the latency under load should be graded "B" or better
