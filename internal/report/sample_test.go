package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

var began = time.Date(2026, 11, 24, 14, 0, 0, 0, time.FixedZone("CET", 3600))

// sampler records runs as lanstorm does, from figures made up from a seed.
type sampler struct {
	*record.Recorder
	*rand.Rand
	now time.Time
}

func newSampler(t testing.TB, head record.Head) *sampler {
	t.Helper()
	r, err := record.Begin(t.TempDir(), 50, head)
	if err != nil {
		t.Fatal(err)
	}
	return &sampler{r, rand.New(rand.NewPCG(1, 2)), began}
}

func (s *sampler) end(t testing.TB, e record.End) *record.Run {
	t.Helper()
	e.Time, e.Seconds = s.now, s.now.Sub(began).Seconds()
	run, err := s.End(e)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func sampleHead() record.Head {
	return record.Head{
		Start: began,
		Tester: record.Tester{
			Lanstorm: "v0.4.0", Go: "go1.26.8", Kernel: "6.12.47+rpt-rpi-v8", Machine: "Raspberry Pi 5 Model B Rev 1.0", Processors: 4, Memory: 8 << 30,
		},
		Router: record.Router{
			Name: "Speedbox 7590", Firmware: "8.02", Interface: "eth0", Gateway: "192.168.1.1", MAC: "3c:a6:2f:00:00:01",
			IPv6: []string{"fe80::3ea6:2fff:fe00:1 (MAC 3c:a6:2f:00:00:01), lifetime 30m0s, 2001:db8:1::/64 for 1h30m0s, preferred 45m0s"},
			Servers: []record.Server{{Address: "192.168.1.1", MAC: "3c:a6:2f:00:00:01", Options: []record.Option{
				{Code: 1, Name: "subnet mask", Value: "255.255.252.0"}, {Code: 3, Name: "router", Value: "192.168.1.1"},
				{Code: 6, Name: "DNS servers", Value: "192.168.1.1"}, {Code: 15, Name: "domain", Value: "home.arpa"}, {Code: 51, Name: "lease time", Value: "1h0m0s"},
			}}},
		},
		Labels: map[string]string{"ticket": "QA-1207", "rack": "B 4"},
		Config: []record.Setting{
			{Key: "interface", Value: "eth0", From: "command line"}, {Key: "dhcp.timeout", Value: "90s", From: "LANSTORM_DHCP_TIMEOUT"},
			{Key: "ping.duration", Value: "1m0s", From: "godog.yml:31"}, {Key: "clients.prefix", Value: "ns", From: "default"},
		},
		Command: []string{"lanstorm", "run", "--interface", "eth0", "--label", "ticket=QA-1207", "--label", "rack=B 4", "features/"},
	}
}

func (s *sampler) milliseconds(median, spread float64) float64 {
	return median * math.Exp(s.NormFloat64()*spread) / 1e3
}

func distribution(seconds []float64) *measure.Distribution {
	d := measure.NewDistribution()
	for _, v := range seconds {
		d.Record(time.Duration(v * float64(time.Second)))
	}
	return d
}

// chart is a line for each name, with a value for each of n steps.
func chart(name string, unit record.Unit, start time.Time, step float64, n int, value func(line, i int) float64, names ...string) record.Chart {
	c := record.Chart{Name: name, Unit: unit, Start: start, Step: step}
	for l, name := range names {
		values := make([]*float64, n)
		for i := range values {
			if v := value(l, i); !math.IsNaN(v) {
				values[i] = &v
			}
		}
		c.Lines = append(c.Lines, record.Line{Name: name, Values: values})
	}
	return c
}

func (s *sampler) step(text string, seconds float64, verdict record.Verdict) *record.Step {
	st := &record.Step{Text: text, Start: s.now, Seconds: seconds, Verdict: verdict}
	s.now = s.now.Add(time.Duration(seconds * float64(time.Second)))
	return st
}

// create is an activity in which n clients get their leases.
func (s *sampler) create(n int, took float64) {
	offers, acks, checks, totals := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	table := &record.Table{Columns: []record.Column{
		{Name: "name", Text: true}, {Name: "MAC", Text: true}, {Name: "address", Text: true}, {Name: "gateway", Text: true}, {Name: "server", Text: true},
		{Name: "lease", Unit: record.Seconds}, {Name: "offer", Unit: record.Seconds}, {Name: "ack", Unit: record.Seconds}, {Name: "check", Unit: record.Seconds},
		{Name: "total", Unit: record.Seconds}, {Name: "sent again"}, {Name: "remarks", Text: true},
	}}
	for i := range n {
		offers[i], acks[i], checks[i] = s.milliseconds(180, .7), s.milliseconds(22, .5), .2+s.milliseconds(3, .4)
		resent := 0
		if i%5 == 3 {
			offers[i], resent = offers[i]+2, 1
		}
		totals[i] = offers[i] + acks[i] + checks[i]
		remark := any(nil)
		if i%97 == 0 {
			remark = "T1 is behind T2 (RFC 2131 section 4.4.5)"
		}
		table.Rows = append(table.Rows, []any{
			fmt.Sprintf("ns%d", i+1), fmt.Sprintf("02:4c:53:00:%02x:%02x", i/256, i%256), fmt.Sprintf("192.168.%d.%d", 1+i/250, 2+i%250), "192.168.1.1", "192.168.1.1",
			3600, offers[i], acks[i], checks[i], totals[i], resent, remark,
		})
	}
	leased := func(l, i int) float64 {
		at, sum := float64(i+1)/10, 0.0
		for k, t := range totals {
			if (l == 0 && t < at) || (l == 1 && k%5 == 3 && at > 2) {
				sum++
			}
		}
		return sum
	}
	s.Activity(record.Activity{
		Name: fmt.Sprintf("create %d clients", n), Start: s.now, Seconds: took,
		Summary: fmt.Sprintf("%d clients in %.2fs, all asking within 31ms, %d at a time: 361 leases/s, %d of %d messages sent again", n, took, n, n/5, 2*n+n/5),
		Figures: []record.Figure{
			{Name: "clients", Value: float64(n)}, {Name: "leases per second", Value: 361.4, Unit: record.PerSecond, Key: true},
			{Name: "time to offer p95", Value: distribution(offers).P95().Seconds(), Unit: record.Seconds, Key: true},
			{Name: "time to ack p95", Value: distribution(acks).P95().Seconds(), Unit: record.Seconds},
			{Name: "messages sent", Value: float64(2*n + n/5)}, {Name: "messages sent again", Value: float64(n / 5)},
		},
		Distributions: []record.Distribution{
			{Name: "offer", Plot: "time to an address", Times: distribution(offers)}, {Name: "ack", Plot: "time to an address", Times: distribution(acks)},
			{Name: "check", Plot: "time to an address", Times: distribution(checks)}, {Name: "total", Plot: "time to an address", Times: distribution(totals)},
		},
		Charts: []record.Chart{
			chart("clients with a lease", record.Count, s.now, .1, int(took*10)+1, leased, "leased", "sent again"),
			s.health(s.now, took),
		},
		Clients: table,
	})
}

func (s *sampler) health(start time.Time, took float64) record.Chart {
	return chart("tester: processors", record.Percent, start, .5, int(took*2)+1, func(l, i int) float64 { return 20 + 30*float64(1-l) + 10*s.Float64() }, "busy", "stolen by others")
}

// ping is an activity in which n clients ping for seconds; between two moments
// the router loses what the last lossy ones send.
func (s *sampler) ping(n, seconds, lossy int) {
	var all []float64
	heat := &record.Heat{Name: "loss of each client", Unit: record.Percent, Start: s.now, Step: 1}
	table := &record.Table{Columns: []record.Column{
		{Name: "name", Text: true}, {Name: "MAC", Text: true}, {Name: "sent"}, {Name: "lost", Unit: record.Percent},
		{Name: "p50", Unit: record.Seconds}, {Name: "p95", Unit: record.Seconds}, {Name: "p99", Unit: record.Seconds}, {Name: "max", Unit: record.Seconds},
	}}
	for c := range n {
		row := record.HeatRow{Client: fmt.Sprintf("ns%d", c+1), Values: make([]int8, seconds)}
		var own []float64
		lost := 0
		for i := range seconds {
			switch bad := c >= n-lossy && i > seconds/3 && i < seconds/2; {
			case bad:
				row.Values[i] = int8(50 + 50*s.IntN(2))
			case c == 16 && i > seconds-5: // it went
				row.Values[i] = -1
				continue
			case s.IntN(3000) == 0:
				row.Values[i] = 50
			}
			lost += int(row.Values[i])
			for range 2 - int(row.Values[i])/50 {
				own = append(own, s.milliseconds(.9+.5*math.Sin(float64(i)/9), .3))
			}
		}
		heat.Rows = append(heat.Rows, row)
		all = append(all, own...)
		d := distribution(own)
		table.Rows = append(table.Rows, []any{row.Client, fmt.Sprintf("02:4c:53:00:%02x:%02x", c/256, c%256), 2 * seconds, float64(lost) / float64(seconds),
			d.P50().Seconds(), d.P95().Seconds(), d.P99().Seconds(), d.Max().Seconds()})
	}
	rtt := distribution(all)
	loss := 100 * (1 - float64(len(all))/float64(2*n*seconds))
	s.Activity(record.Activity{
		Name: fmt.Sprintf("%d clients ping the router", n), Start: s.now, Seconds: float64(seconds),
		Summary: fmt.Sprintf("%d requests, %.2f%% lost; RTT p50 %s, p95 %s, p99 %s", 2*n*seconds, loss, rtt.P50().Round(1e4), rtt.P95().Round(1e4), rtt.P99().Round(1e4)),
		Figures: []record.Figure{
			{Name: "latency to the router p50", Value: rtt.P50().Seconds(), Unit: record.Seconds}, {Name: "latency to the router p95", Value: rtt.P95().Seconds(), Unit: record.Seconds, Key: true},
			{Name: "latency to the router p99", Value: rtt.P99().Seconds(), Unit: record.Seconds, Key: true}, {Name: "loss", Value: loss, Unit: record.Percent, Key: true},
			{Name: "requests", Value: float64(2 * n * seconds)}, {Name: "throughput", Value: 1.34e6, Unit: record.BitRate},
		},
		Distributions: []record.Distribution{{Name: "to the router", Plot: "RTT", Times: rtt}, {Name: "beyond it", Plot: "RTT beyond", Times: measure.NewDistribution()}},
		Charts: []record.Chart{
			chart("RTT", record.Seconds, s.now, 1, seconds, func(l, i int) float64 {
				return s.milliseconds((.9+.5*math.Sin(float64(i)/9))*[]float64{1, 1.6, 2.4}[l], .04)
			}, "p50", "p95", "p99"),
			chart("requests lost", record.Percent, s.now, 1, seconds, func(_, i int) float64 {
				if i > seconds/3 && i < seconds/2 {
					return 75 * float64(lossy) / float64(n)
				}
				return 0
			}, "lost"),
			s.health(s.now, float64(seconds)),
		},
		Clients: table, Heat: heat,
	})
}

// goodRun is the main job: a thousand clients that ping for a minute.
func goodRun(t testing.TB) *record.Run {
	s := newSampler(t, sampleHead())
	sc := record.Scenario{Feature: "Clients by the thousand", Name: "A thousand clients at once", Location: "features/clients/thousand.feature:8", Tags: []string{"@lab", "@large"}, Start: s.now}
	s.BeginScenario(sc)
	s.create(1000, 3.4)
	s.Message(record.Message{Time: s.now, Kind: "remark", Text: "11 of 1000 clients: T1 is behind T2 (RFC 2131 section 4.4.5)"})
	s.Step(*s.step("Given I create 1000 virtual clients using macvlan", 3.4, record.Passed))
	s.ping(1000, 60, 0)
	s.Message(record.Message{Time: s.now, Kind: "note", Text: "tester: clean (CPU 63%)"})
	s.Step(*s.step("When all clients ping the router for 60 seconds", 62, record.Passed))
	s.Step(*s.step("Then the network should remain stable", .0002, record.Passed))
	sc.Verdict, sc.Seconds = record.Passed, s.now.Sub(sc.Start).Seconds()
	s.EndScenario(sc)
	s.LeaveOut(record.Scenario{Feature: "Leases that last", Name: "Addresses are kept for five minutes", Location: "features/dhcp/lease.feature:15", Verdict: record.Skipped, Reason: "needs a real router (@hardware)"})
	return s.end(t, record.End{Verdict: record.Passed})
}

// badRun has all verdicts.
func badRun(t testing.TB) *record.Run {
	s := newSampler(t, sampleHead())
	s.Message(record.Message{Time: s.now, Kind: "note", Text: "undid the run of process 4711, which had died"})
	sc := record.Scenario{Feature: "Clients", Name: "Fifty clients get an address", Location: "features/clients/create.feature:12", Tags: []string{"@smoke"}, Start: s.now}
	s.BeginScenario(sc)
	s.create(50, 3)
	s.Step(*s.step("Given I create 50 virtual clients using macvlan", 3, record.Passed))
	s.Step(*s.step("Then each client should receive a valid IP address from the router", .001, record.Passed))
	sc.Verdict, sc.Seconds = record.Passed, 3.001
	s.EndScenario(sc)

	sc = record.Scenario{Feature: "Connectivity", Name: "The network remains stable while clients ping", Location: "features/connectivity/ping.feature:20", Start: s.now}
	s.BeginScenario(sc)
	s.create(120, 4)
	s.Message(record.Message{Time: s.now, Kind: "remark", Text: "2 of 120 clients: a second DHCP server answered, 192.168.1.77 (RFC 2131 section 3.1)"})
	s.Step(*s.step("Given I create 120 virtual clients using macvlan", 4, record.Passed))
	s.ping(120, 30, 40)
	s.Message(record.Message{Time: s.now, Kind: "outage", Text: "the router did not answer for 4.2s, from 14:00:21 on"})
	s.Step(*s.step("When all clients ping the router for 30 seconds", 32, record.Passed))
	failed := s.step("Then the network should remain stable", .002, record.Failed)
	failed.Error = "40 of 120 clients lost more than 0%: ns81-ns120: 12% to 17% lost\nthe tester was not at a limit meanwhile (CPU 63%)"
	for i := range 40 {
		failed.Problems = append(failed.Problems, record.Problem{Client: fmt.Sprintf("ns%d", 81+i), MAC: fmt.Sprintf("02:4c:53:00:00:%02x", 80+i), Stage: "ping", Text: fmt.Sprintf("%d%% lost, no answer for 4.2s", 12+i%6)})
	}
	s.Step(*failed)
	s.Step(*s.step("And no two clients should have the same IP address", 0, record.Skipped))
	sc.Verdict, sc.Seconds, sc.Reason = record.Failed, s.now.Sub(sc.Start).Seconds(), "40 of 120 clients lost more than 0%: ns81-ns120: 12% to 17% lost"
	sc.Evidence = &record.Evidence{File: "evidence/features_connectivity_ping.feature_20.pcapng", Packets: 8123, Lost: 14}
	s.EndScenario(sc)

	sc = record.Scenario{Feature: "Leases that last", Name: "Leases come fast", Location: "features/dhcp/lease.feature:42", Start: s.now}
	s.BeginScenario(sc)
	slow := s.step("Given I create 50 virtual clients using macvlan", 61, record.Inconclusive)
	slow.Error = "3 of 50 clients failed: ns8-ns10: lease: no OFFER in 1m0s (5 DISCOVERs sent)"
	for i := range 3 {
		slow.Problems = append(slow.Problems, record.Problem{Client: fmt.Sprintf("ns%d", 8+i), MAC: "02:4c:53:00:00:07", Stage: "lease", Text: "no OFFER in 1m0s (5 DISCOVERs sent)"})
	}
	s.Message(record.Message{Time: s.now, Kind: "limit", Text: "214 packets could not be sent at once, because a queue was full (ENOBUFS) -> let fewer clients be made or speak at one time (dhcp.in_flight)"})
	s.Step(*slow)
	sc.Verdict, sc.Seconds, sc.Reason = record.Inconclusive, 61, "3 of 50 clients failed, but the tester was at a limit: 214 packets could not be sent at once"
	s.EndScenario(sc)

	s.LeaveOut(record.Scenario{Feature: "Leases that last", Name: "Addresses are kept for longer than a lease lasts", Location: "features/dhcp/lease.feature:6", Verdict: record.Skipped, Reason: "needs the lab (@lab), and interface is eth0"})
	s.LeaveOut(record.Scenario{Feature: "Leases that last", Name: "Leases come fast", Location: "features/dhcp/lease.feature:51", Verdict: record.NotRun, Reason: "interrupted before it began"})
	return s.end(t, record.End{Verdict: record.Failed, ExitCode: 1, Reason: "interrupted by SIGTERM"})
}
