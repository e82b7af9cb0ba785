@internet
Feature: Downloads and uploads
  In the evening everybody at home gets something from the Internet at once. Each
  must get all of it, and none at the cost of the others.

  @download
  Scenario: Clients that download a file at the same time
    Given a 20MB ZIP file URL is configured as the download source
    And the host machine can reach the download server
    And I create 10 virtual clients using macvlan
    When all clients start downloading the 20MB ZIP file simultaneously
    Then each client should complete the download

  @upload
  Scenario: Clients that upload at the same time
    Given I create 10 virtual clients using macvlan
    When all clients start uploading 2MB simultaneously
    Then each client should complete the upload

  @lab
  Scenario: A line that all clients share
    Given the lab's line is 50/10 Mbit/s
    And I create 10 virtual clients using macvlan
    When all clients start downloading the 3MB ZIP file simultaneously
    Then each client should complete the download within 60 seconds
    And the total throughput should be at least 30 Mbit/s
    And no client should get less than 50% of the fair share

  @lab
  Scenario: Latency while others download
    Given the lab's line is 50/10 Mbit/s
    And the lab's line has a buffer of 30 ms
    And I create 6 virtual clients using macvlan
    When 2 of the clients keep downloading
    And the other clients measure the latency to the router for 3 seconds
    And the downloads stop
    Then the 50th percentile latency to the router should be under 100 ms
