package netmgr_test

import (
	"context"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// crowdSize is how many clients the benchmarks make at once: as many as do
// without limits of the kernel being raised, which a test may not do.
const crowdSize = 200

// benchPhase makes and removes clients in the lab, and reports as ns/client
// what took says of each time. It is for comparing one change with another, in
// a phase alone; `lanstorm bench` and `make bench` are for all else.
func benchPhase(b *testing.B, took func(*netmgr.NetworkManager) time.Duration) {
	benchCrowd(b, func(m *netmgr.NetworkManager) time.Duration {
		d := took(m)
		if err := m.Cleanup(context.Background()); err != nil {
			b.Fatal(err)
		}
		return d
	})
}

// benchCrowd leaves it to use to remove the clients.
func benchCrowd(b *testing.B, use func(*netmgr.NetworkManager) time.Duration) {
	nstest.Need(b)
	l, err := lab.Start(labOptions())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	}()
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Cleanup(context.Background()) }() // after a failure
	var sum time.Duration
	messages, rounds := 0, 0
	for b.Loop() {
		if err := m.CreateClients(b.Context(), crowdSize); err != nil {
			b.Fatal(err)
		}
		const discoverAndRequest = 2
		messages += discoverAndRequest*crowdSize + m.Creation().Resent
		sum += use(m)
		rounds++
	}
	clients := float64(rounds * crowdSize)
	b.ReportMetric(float64(sum.Nanoseconds())/clients, "ns/client")
	b.ReportMetric(float64(messages)/clients, "dhcp-sent/client")
	b.ReportMetric(0, "ns/op") // the time of all phases, which says nothing of one
}

// each is what clients spent in a stage, each for itself: two are built at a time.
func each(of func(netmgr.Timings) time.Duration) func(*netmgr.NetworkManager) time.Duration {
	return func(m *netmgr.NetworkManager) (sum time.Duration) {
		for _, c := range m.Clients() {
			sum += of(c.Timings)
		}
		return sum
	}
}

func BenchmarkNamespace(b *testing.B) {
	benchPhase(b, each(func(t netmgr.Timings) time.Duration { return t.Namespace }))
}

func BenchmarkLink(b *testing.B) {
	benchPhase(b, each(func(t netmgr.Timings) time.Duration { return t.Link }))
}

// BenchmarkLease is of all leases together, for clients wait for one another.
func BenchmarkLease(b *testing.B) {
	benchPhase(b, func(m *netmgr.NetworkManager) time.Duration { return m.Creation().Leasing })
}

func BenchmarkConfigure(b *testing.B) {
	benchPhase(b, each(func(t netmgr.Timings) time.Duration { return t.Configure }))
}

func BenchmarkPing(b *testing.B) {
	benchPhase(b, func(m *netmgr.NetworkManager) time.Duration {
		start := time.Now()
		for _, r := range m.PingAll(b.Context(), netmgr.Gateway, netmgr.Ping{Interval: time.Millisecond}) {
			if r.Received != 1 {
				b.Errorf("%s: %s", r.Client, r.Reason)
			}
		}
		return time.Since(start)
	})
}

func BenchmarkCleanup(b *testing.B) {
	benchCrowd(b, func(m *netmgr.NetworkManager) time.Duration {
		start := time.Now()
		if err := m.Cleanup(context.Background()); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	})
}
