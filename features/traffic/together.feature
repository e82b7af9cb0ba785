@internet @download @video
Feature: Different things at one time
  A home is busy: one plays, one downloads, and most phones do nearly nothing.

  @upload
  Scenario: A random workload for each client
    Given I create 10 virtual clients using macvlan
    When I assign a random workload to each client for "5" seconds
    And I start the stress test
    Then I should see results for each namespace

  @lab
  Scenario: A stress test with a file of one's own
    Given I create 5 virtual clients using macvlan
    And a stress scenario manager with duration 3 seconds and download URL "http://download.example.test/1MB.zip"
    When I start the stress test
    Then I should see results for each namespace

  Scenario: A household, and what the others feel
    Given I create 10 virtual clients using macvlan
    When the clients keep doing this:
      | clients | doing              |
      | 2       | streaming a video  |
      | 1       | downloading        |
      | 1       | pinging the router |
    And the other clients measure the latency to the router for 5 seconds
    And everything stops
    Then no client should lose more than 5% of its pings

  Scenario: A household with little to do
    Given I create 4 virtual clients using macvlan
    When the clients do this for 5 seconds:
      | clients | doing                    |
      | 1       | streaming a video        |
      | 1       | resolving names          |
      | 1       | connecting to the router |
      | 1       | idle                     |
    Then I should see results for each namespace
