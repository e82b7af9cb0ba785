package icmp

import (
	"testing"
	"time"
)

func TestRequestsAreSpreadEvenlyOverTheInterval(t *testing.T) {
	for _, s := range []schedule{
		{clients: 1, rounds: 3, interval: time.Second},
		{clients: 3, rounds: 4, interval: time.Second},
		{clients: 7, rounds: 2, interval: 20 * time.Millisecond},
		{clients: 4000, rounds: 1, interval: time.Second},
		{clients: 10000, rounds: 3600, interval: time.Hour},
	} {
		gap := s.interval / time.Duration(s.clients)
		for i := range min(s.requests(), 50000) {
			due := s.due(i)
			// As a sum of gaps it may be short by what integers cut off.
			if want := time.Duration(i) * gap; due < want || due > want+time.Duration(s.rounds*s.clients) {
				t.Fatalf("%+v: request %d is due after %s, want about %s", s, i, due, want)
			}
			if i >= s.clients && due-s.due(i-s.clients) != s.interval {
				t.Fatalf("%+v: request %d comes %s after its client's last", s, i, due-s.due(i-s.clients))
			}
		}
		if last := s.due(s.requests() - 1); last >= time.Duration(s.rounds)*s.interval {
			t.Errorf("%+v: the last is due after %s", s, last)
		}
	}
}

func TestHowManyRequestsAProbeSends(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Ping
		want int
	}{
		{"nothing said", Ping{}, 1},
		{"a count", Ping{Count: 5}, 5},
		{"a duration of the default interval", Ping{Duration: 20 * time.Second}, 20},
		{"an interval begun", Ping{Duration: 20*time.Second + 1}, 21},
		{"less than an interval", Ping{Duration: time.Millisecond}, 1},
		{"count before duration", Ping{Count: 2, Duration: time.Minute}, 2},
		{"another interval", Ping{Duration: time.Second, Interval: 100 * time.Millisecond}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.withDefaults().Count; got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
