package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

const ms = time.Millisecond

// made is a suite that reaches every target by a hair.
func made() *Suite {
	idle := bench.Held{Resident: 64 << 10, Files: 1, Threads: 64}
	many := idle
	many.Kernel = 270 << 10
	tester := health.Report{Busy: new(measure.Series)}
	row := func(server string, n int, r bench.Round) bench.Row {
		r.Tester = tester
		return bench.Row{Server: server, Mode: "bridge", Clients: n, Round: r}
	}
	r := newSuite(false)
	r.Date, r.Took = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 5*time.Minute
	r.Tester = record.Tester{Lanstorm: "v1", Go: "1.26", Kernel: "Linux 6.12 x86_64", Machine: "Made-up Processor", Processors: 2, Memory: 8 << 30}
	r.Servers = ", dnsmasq-base 2.90, kea-dhcp4-server 2.2.0"
	r.Rows = []bench.Row{
		row("dnsmasq", 50, bench.Round{Create: 100 * ms, Links: 20 * ms, Lease: 70 * ms, Configure: 10 * ms, LeaseRate: 700, Remove: 100 * ms, Held: idle}),
		row("dnsmasq", 200, bench.Round{Create: time.Second, Links: 80 * ms, Lease: 900 * ms, Configure: 20 * ms, LeaseRate: 222, Remove: 400 * ms, Held: idle}),
		row("kea", 1000, bench.Round{Create: 1500 * ms, Links: 800 * ms, Lease: 300 * ms, Configure: 400 * ms, LeaseRate: 8500, Remove: 900 * ms, Held: many}),
		row("kea", 4000, bench.Round{Create: 7500 * ms, Links: 4 * time.Second, Lease: 2 * time.Second, Configure: 1500 * ms, LeaseRate: 2000, Remove: 4 * time.Second, Held: many}),
	}
	r.Others = []Other{
		{Way: "by hand", Clients: 50, Create: 10 * time.Second, Remove: 5 * time.Second, Leased: 50, Answered: 50},
		{Way: "by hand", Clients: 200, Create: 50 * time.Second, Remove: 20 * time.Second, Leased: 200, Answered: 199},
		{Way: "bare loop", Clients: 50, Create: 20 * ms},
		{Way: "bare loop", Clients: 1000, Create: 500 * ms},
		{Way: "bare loop", Clients: 4000, Create: 3 * time.Second},
	}
	r.Rates = []Rate{{1000, 10000}, {20000, 9000}}
	seen := Pings{Requests: 8000, Replies: 8000, Span: time.Second}
	r.Pings = []Pings{seen, seen, seen}
	r.Latency = Latency{Clients: 1000, CPU: 0.10, Sent: 60000, Received: 60000, P99: 30000, Seen: Pings{Requests: 60000, Replies: 60000, P99: 230000}, Tester: tester}
	r.Storms = []Storm{
		{Server: "kea", Clients: 1000, Seen: 1000, Span: 20 * ms, Leased: 4 * time.Second, Sent: 2800, Resent: 800},
		{Server: "builtin", Clients: 1000, Seen: 1000, Span: 60 * ms, Leased: 100 * ms, Sent: 2000},
	}
	r.Checking = 300 * ms
	r.Standing = Standing{Clients: 1000, Lease: time.Minute, Duration: 5 * time.Minute, CPU: 0.02, Renewals: 9100, Fewest: 9, Early: bench.Held{Resident: 100 << 20, Files: 1016}, End: bench.Held{Resident: 105 << 20, Files: 1016}}
	r.Transfers = []Transfer{
		{What: "download", By: "lanstorm", Streams: 50, Rate: 20, CPU: 0.5},
		{What: "download", By: "lanstorm, from nginx", Streams: 50, Rate: 19, CPU: 0.6},
		{What: "download", By: "iperf3", Streams: 50, Rate: 20, CPU: 0.5},
		{What: "upload", By: "lanstorm", Streams: 50, Rate: 10, CPU: 0.7},
		{What: "upload", By: "iperf3", Streams: 50, Rate: 10, CPU: 0.7},
	}
	r.Fair = Fair{Clients: 200, Right: 200, Jain: 0.95}
	r.Mixed = Mixed{Clients: 100, Done: 5000, Early: bench.Held{Resident: 100e6}, End: bench.Held{Resident: 105e6}}
	r.Dual = Dual{
		Clients: 1000, IPv4: 2 * time.Second, Create: 2600 * ms, Last: 5500 * ms, Bare: 5 * time.Second,
		Answered: [2]int{1000, 1000}, Idle: 5 * time.Minute, CPU: 0.02, Have: 1000,
	}
	return r
}

func TestTargetsReachedByAHair(t *testing.T) {
	s := made()
	for _, target := range s.Targets() {
		if !target.Reached {
			t.Errorf("%+v", target)
		}
	}
	if n := len(s.Targets()); n != 27 {
		t.Errorf("%d targets, want 27", n)
	}
}

func TestTargetsMissedByAHair(t *testing.T) {
	const dnsmasq200, kea1000, kea4000 = 1, 2, 3
	for _, tt := range []struct {
		name  string
		spoil func(*Suite)
		want  string // in Asked
	}{
		{"made by hand too quickly", func(s *Suite) { s.Others[1].Create -= ms }, "as fast as by the manual commands"},
		{"removed too slowly", func(s *Suite) { s.Rows[dnsmasq200].Remove += ms }, "removed at least"},
		{"the burst too quick", func(s *Suite) { s.Rates[0].Highest += 100 }, "leases per second"},
		{"the long run too quick", func(s *Suite) { s.Rates[1].Highest = 10100 }, "leases per second"},
		{"no rate without a loss", func(s *Suite) { s.Rates[0].Highest, s.Rates[1].Highest = 0, 0 }, "leases per second"},
		{"leases too slow", func(s *Suite) { s.Rows[kea1000].LeaseRate-- }, "leases per second"},
		{"a client without a reply", func(s *Suite) { s.Pings[1].Replies-- }, "has a reply"},
		{"the capture saw one less", func(s *Suite) { s.Pings[2].Requests-- }, "sent within"},
		{"too long until the last ping", func(s *Suite) { s.Pings[0].Span++ }, "sent within"},
		{"the tester at its limit", func(s *Suite) { s.Rows[kea4000].Tester.Limits = []health.Limit{{Name: health.CPU}} }, "tester is clean"},
		{"the crowd too slow", func(s *Suite) { s.Rows[kea4000].Create += ms }, "times the time of"},
		{"the crowd too slow to go", func(s *Suite) { s.Rows[kea4000].Remove++ }, "removed within"},
		{"too much processor time", func(s *Suite) { s.Latency.CPU += 0.001 }, "10 % of one core"},
		{"too far from the capture", func(s *Suite) { s.Latency.P99-- }, "RTT p99 within"},
		{"too much memory", func(s *Suite) { s.Rows[kea1000].Resident++ }, "resident memory"},
		{"too many files", func(s *Suite) { s.Rows[kea4000].Files += 0.02 }, "file descriptor"},
		{"too many threads", func(s *Suite) { s.Rows[kea4000].Threads++ }, "threads"},
		{"a storm that takes too long", func(s *Suite) { s.Storms[1].Span++ }, "leave within"},
		{"a storm that not all were seen in", func(s *Suite) { s.Storms[1].Seen-- }, "leave within"},
		{"leases too late", func(s *Suite) { s.Storms[0].Leased++ }, "has its lease within"},
		{"too long a look", func(s *Suite) { s.Checking++ }, "addresses are free"},
		{"a renewal missing", func(s *Suite) { s.Standing.Fewest-- }, "stand for"},
		{"a renewal too late", func(s *Suite) { s.Standing.Late++ }, "stand for"},
		{"a lease lost", func(s *Suite) { s.Standing.Lost++ }, "stand for"},
		{"too busy while standing", func(s *Suite) { s.Standing.CPU += 0.001 }, "stand for"},
		{"memory that grows", func(s *Suite) { s.Standing.End.Resident++ }, "stand for"},
		{"files that grow", func(s *Suite) { s.Standing.End.Files++ }, "stand for"},
		{"downloads slower than iperf3's", func(s *Suite) { s.Transfers[0].Rate -= 0.1 }, "download at once through"},
		{"uploads slower than iperf3's", func(s *Suite) { s.Transfers[3].Rate -= 0.1 }, "upload at once through"},
		{"downloads that cost more than iperf3's", func(s *Suite) { s.Transfers[0].CPU += 0.01 }, "its processor time"},
		{"uploads that cost more than iperf3's", func(s *Suite) { s.Transfers[3].CPU += 0.01 }, "its processor time"},
		{"a download that is too short", func(s *Suite) { s.Fair.Right-- }, "download 20 MB"},
		{"unfair downloads", func(s *Suite) { s.Fair.Jain -= 0.001 }, "Jain"},
		{"memory that grows under load", func(s *Suite) { s.Mixed.End.Resident++ }, "different things"},
		{"IPv4 slower for IPv6", func(s *Suite) { s.Dual.Create += ms }, "times the time that it takes without"},
		{"IPv6 later than on bare links", func(s *Suite) { s.Dual.Last += ms }, "the last global IPv6 address"},
		{"a client without a reply by IPv6", func(s *Suite) { s.Dual.Answered[1]-- }, "by IPv4 and by IPv6"},
		{"too busy with advertisements", func(s *Suite) { s.Dual.CPU += 0.001 }, "router advertisements"},
		{"an IPv6 address lost", func(s *Suite) { s.Dual.Have-- }, "router advertisements"},
		{"memory that shrinks under load", func(s *Suite) { s.Mixed.End.Resident = 94e6 }, "different things"},
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
	created := func() Target { return s.Targets()[2] }
	s.Rows[2].Create += ms
	if got := created(); got.Reached {
		t.Errorf("1.501 s were allowed: %+v", got)
	}
	s.Others[3].Create = 1001 * ms
	if got := created(); !got.Reached {
		t.Errorf("%+v", got)
	}
}

func TestWhatWasNotMeasuredIsNotReached(t *testing.T) {
	for _, target := range (&Suite{}).Targets() {
		if target.Reached || target.Measured != notMeasured {
			t.Errorf("%+v", target)
		}
	}
}
