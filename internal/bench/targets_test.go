package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made is a suite that reaches every target by a hair.
func made() *Suite {
	clean := func(r Round) Round {
		r.Verdict, r.Clean = "tester: clean", true
		return r
	}
	idle := Idle{Resident: 64 << 10, Kernel: 270 << 10, Slab: 280 << 10, Descriptors: 1, Threads: 64}
	return &Suite{
		Date:     time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Took:     5 * time.Minute,
		Machine:  Machine{Processor: "Made-up Processor", Cores: 2, Memory: 8 << 30, Kernel: "Linux 6.12 x86_64"},
		Versions: []Version{{"lanstorm", "v1"}, {"Go", "1.26"}},
		Rows: []Row{
			{Server: "dnsmasq", Mode: "bridge", Clients: 50, Rounds: 3, Median: clean(Round{Create: 100 * ms, Links: 20 * ms, Lease: 70 * ms, Configure: 10 * ms, LeasesPerSecond: 700, Answered: 100, P99: 50000, Remove: 100 * ms, Idle: idle})},
			{Server: "dnsmasq", Mode: "bridge", Clients: 200, Rounds: 3, Median: clean(Round{Create: time.Second, Links: 80 * ms, Lease: 900 * ms, Configure: 20 * ms, LeasesPerSecond: 222, Answered: 400, P99: 50000, Remove: 400 * ms, Idle: idle})},
			{Server: "Kea", Mode: "bridge", Clients: 1000, Rounds: 3, Median: clean(Round{Create: 1500 * ms, Links: 800 * ms, Lease: 300 * ms, Configure: 400 * ms, LeasesPerSecond: 8500, Answered: 2000, P99: 50000, Remove: 900 * ms, Idle: idle})},
			{Server: "Kea", Mode: "bridge", Clients: 4000, Rounds: 3, Median: clean(Round{Create: 7500 * ms, Links: 4 * time.Second, Lease: 2 * time.Second, Configure: 1500 * ms, LeasesPerSecond: 2000, Answered: 8000, P99: 50000, Remove: 4 * time.Second, Idle: idle})},
		},
		Hand:   []Hand{{50, ManualResult{Create: 10 * time.Second, Teardown: 5 * time.Second, Leased: 50, Answered: 50}}, {200, ManualResult{Create: 50 * time.Second, Teardown: 20 * time.Second, Leased: 200, Answered: 199}}},
		Bare:   []Bare{{50, 20 * ms}, {1000, 500 * ms}, {4000, 3 * time.Second}},
		Refs:   []PacketRate{{1000, Reference{Rate: 10000, Tried: []Step{{8000, 8000, 0}, {16000, 11000, 500}, {10000, 10000, 0}}, Version: "2.2.0"}}, {20000, Reference{Rate: 9000, Version: "2.2.0"}}},
		Crowd:  Crowd{Rounds: 3, Requests: 8000, Replies: 8000, Span: time.Second},
		Minute: Minute{Clients: 1000, Duration: time.Minute, CPU: 0.10, Sent: 60000, Received: 60000, P50: 5000, P99: 30000, Requests: 60000, Replies: 60000, SeenP50: 6000, SeenP99: 230000, Verdict: "tester: clean (CPU 5%)", Clean: true},
		Storms: []Storm{
			{Server: "Kea", Clients: 1000, Seen: 1000, Span: 20 * ms, Leased: 4 * time.Second, Sent: 2800, Resent: 800},
			{Server: "lab", Clients: 1000, Seen: 1000, Span: 60 * ms, Leased: 100 * ms, Sent: 2000},
		},
		Checking: 300 * ms,
		Standing: Standing{Clients: 1000, Lease: time.Minute, Duration: 5 * time.Minute, CPU: 0.02, Renewals: 9100, Fewest: 9, Resident: 0.05, FilesLess: 1016, Files: 1016},
	}
}

func TestTargetsReachedByAHair(t *testing.T) {
	s := made()
	for _, target := range s.Targets() {
		if !target.Reached {
			t.Errorf("%+v", target)
		}
	}
	if s.Reached() != len(s.Targets()) || s.Failed() {
		t.Errorf("%d of %d reached; failed: %v", s.Reached(), len(s.Targets()), s.Failed())
	}
}

func TestTargetsMissedByAHair(t *testing.T) {
	kea := func(s *Suite, n int) *Round { return &s.row("Kea", n).Median }
	for _, tt := range []struct {
		name  string
		spoil func(*Suite)
		want  string // in Asked
	}{
		{"made by hand too quickly", func(s *Suite) { s.Hand[1].Create -= ms }, "as fast as by the manual commands"},
		{"removed too slowly", func(s *Suite) { s.Rows[1].Median.Remove += ms }, "removed at least"},
		{"the burst too quick", func(s *Suite) { s.Refs[0].Rate += 100 }, "leases per second"},
		{"the long run too quick", func(s *Suite) { s.Refs[1].Rate = 10100 }, "leases per second"},
		{"leases too slow", func(s *Suite) { kea(s, 1000).LeasesPerSecond-- }, "leases per second"},
		{"a client without a reply", func(s *Suite) { kea(s, 4000).Answered-- }, "has a reply"},
		{"the capture saw one less", func(s *Suite) { s.Crowd.Requests-- }, "are sent within"},
		{"too long until the last ping", func(s *Suite) { s.Crowd.Span++ }, "are sent within"},
		{"the tester at its limit", func(s *Suite) { kea(s, 4000).Clean = false }, "tester is clean"},
		{"the crowd too slow", func(s *Suite) { kea(s, 4000).Create += ms }, "times the time of"},
		{"the crowd too slow to go", func(s *Suite) { kea(s, 4000).Remove++ }, "removed within"},
		{"too much processor time", func(s *Suite) { s.Minute.CPU += 0.001 }, "of one core"},
		{"too far from the capture", func(s *Suite) { s.Minute.SeenP99++ }, "RTT p99 within"},
		{"too much memory", func(s *Suite) { kea(s, 1000).Resident++ }, "resident memory"},
		{"too many files", func(s *Suite) { kea(s, 4000).Descriptors += 0.02 }, "file descriptor"},
		{"a storm that takes too long", func(s *Suite) { s.Storms[1].Span++ }, "leave within"},
		{"a storm that not all were seen in", func(s *Suite) { s.Storms[1].Seen-- }, "leave within"},
		{"leases too late", func(s *Suite) { s.Storms[0].Leased++ }, "has its lease within"},
		{"too long a look", func(s *Suite) { s.Checking++ }, "addresses are free"},
		{"a renewal missing", func(s *Suite) { s.Standing.Fewest-- }, "stand with leases"},
		{"a renewal too late", func(s *Suite) { s.Standing.Late++ }, "stand with leases"},
		{"a lease lost", func(s *Suite) { s.Standing.Lost++ }, "stand with leases"},
		{"too busy while standing", func(s *Suite) { s.Standing.CPU += 0.001 }, "stand with leases"},
		{"memory that grows", func(s *Suite) { s.Standing.Resident += 0.001 }, "stand with leases"},
		{"files that grow", func(s *Suite) { s.Standing.Files++ }, "stand with leases"},
		{"too many threads", func(s *Suite) { kea(s, 4000).Threads++ }, "threads"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := made()
			tt.spoil(s)
			var missed []string
			for _, target := range s.Targets() {
				if !target.Reached {
					missed = append(missed, target.Asked)
				}
			}
			if len(missed) != 1 || !strings.Contains(missed[0], tt.want) {
				t.Errorf("missed: %q, want the one with %q", missed, tt.want)
			}
		})
	}
}

func TestASlowKernelAllowsMoreTime(t *testing.T) {
	s := made()
	kea := &s.row("Kea", 1000).Median
	kea.Create += ms
	if _, reached := s.nearBare(); reached {
		t.Error("1.501 s were allowed")
	}
	s.Bare[1].Took = 1001 * ms
	if measured, reached := s.nearBare(); !reached {
		t.Error(measured)
	}
}

func TestLeftoversAreNoLittleThing(t *testing.T) {
	s := made()
	s.row("Kea", 4000).Median.Failures = []string{"2 macvlans left on lab0"}
	measured, reached := s.nothingLeft()
	if diff := cmp.Diff("2 macvlans left on lab0", measured); diff != "" || reached || !s.Failed() {
		t.Errorf("%v, failed %v: %s", reached, s.Failed(), diff)
	}
}

func TestWhatWasNotMeasuredIsNotReached(t *testing.T) {
	for _, target := range (&Suite{}).Targets() {
		if target.Reached || target.Measured != notMeasured {
			t.Errorf("%+v", target)
		}
	}
}
