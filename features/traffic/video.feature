@internet @video
Feature: Video
  A video that stops is what people blame their router for. Clients play as a
  player does, and each must begin soon and go on without a pause.

  Scenario: Clients that watch a video at the same time
    Given the video streaming configuration is loaded
    And I create 10 virtual clients using macvlan
    When all clients start streaming a video simultaneously
    Then each client should successfully stream for the given duration

  @lab
  Scenario: A video on a line that has room for a low bitrate only
    Given the lab's line is 4/1 Mbit/s
    And I create 3 virtual clients using macvlan
    When all clients start streaming a video simultaneously
    Then each client should successfully stream for the given duration
