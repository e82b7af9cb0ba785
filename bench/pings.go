package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Pings are those that a capture has seen.
type Pings struct {
	Requests, Replies int
	Span              time.Duration // from the first request to the last
	P99               time.Duration // a time that 99 of 100 replies do not exceed; zero: there are none
	Lost              int           // packets that the capture lost
}

var (
	pingLine = regexp.MustCompile(`(?m)^(\S+) .*: (\S+) > (\S+): ICMP echo (request|reply), (id \d+, seq \d+),`)
	lostLine = regexp.MustCompile(`(?m)^(\d+) packets? dropped by kernel`)
)

// pingsIn finds the pings in what tcpdump wrote. A request that comes twice counts
// once, from the later time on. A reply that nobody asked for does not count.
func pingsIn(text string) Pings {
	type ping struct{ client, target, number string }
	var p Pings
	if m := lostLine.FindStringSubmatch(text); m != nil {
		p.Lost, _ = strconv.Atoi(m[1])
	}
	asked := map[ping]time.Duration{} // when it was last sent
	answered := map[ping]time.Duration{}
	var first, last time.Duration
	for _, m := range pingLine.FindAllStringSubmatch(text, -1) {
		at, request, reply := moment(m[1]), ping{m[2], m[3], m[5]}, ping{m[3], m[2], m[5]}
		if m[4] == "request" {
			if len(asked) == 0 {
				first = at
			}
			asked[request], last = at, at
		} else if sent, ok := asked[reply]; ok && answered[reply] == 0 {
			answered[reply] = at - sent
		}
	}
	times := slices.Sorted(maps.Values(answered))
	p.Requests, p.Replies, p.Span = len(asked), len(times), last-first
	if n := len(times); n > 0 {
		p.P99 = times[(99*n+99)/100-1]
	}
	return p
}

// pingBoth has every client ping the router and the Internet once, at the same
// time, under a capture. All pings are to be sent within a second, and the sockets
// for one target are open a little earlier than those for the other.
func pingBoth(ctx context.Context, l *lab.Lab, m *netmgr.NetworkManager) (Pings, error) {
	text, err := captured(ctx, l.Parent, "icmp", func() error {
		var all sync.WaitGroup
		var failed [2]error
		for i, target := range []netmgr.Target{netmgr.Gateway, netmgr.Host(netip.MustParseAddr("8.8.8.8"))} {
			all.Go(func() {
				p := m.ProbeAll(ctx, target, netmgr.Ping{Count: 1, Interval: 900 * time.Millisecond, Timeout: 2 * time.Second})
				if n := len(p.Clients) - p.Received(); n > 0 {
					worst := p.Worst(1)[0]
					failed[i] = fmt.Errorf("%d of %d clients had no reply from %s, %s among them: %s", n, len(p.Clients), worst.Target, worst.Client, worst.Reason)
				}
			})
		}
		all.Wait()
		return errors.Join(failed[:]...)
	})
	return pingsIn(text), err
}

// Latency is clients that ping the router once a second for a while. The latency
// probe and a packet capture on the parent link both measure it.
type Latency struct {
	Clients        int
	CPU            float64 // the share of one core that this process used
	Sent, Received int
	P99            time.Duration
	Seen           Pings
	Tester         health.Report
}

func latency(ctx context.Context, s *bench.Session, l *lab.Lab, n int, d time.Duration) (r Latency, err error) {
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		text, err := captured(ctx, l.Parent, "icmp", func() error {
			strain, cpu := m.Strain(), cpuShare()
			watch := health.Start(health.Options{Parent: l.Parent})
			p := m.ProbeAll(ctx, netmgr.Gateway, netmgr.Ping{Duration: d})
			r = Latency{Clients: n, CPU: cpu(), Sent: p.Sent(), Received: p.Received(), P99: p.RTT.P99()}
			r.Tester = watch.Stop(health.Counters(m.Strain().Since(strain)))
			return nil
		})
		r.Seen = pingsIn(text)
		return err
	})
	return r, err
}

// cpuShare begins to measure the share of one core that this process uses, by
// getrusage(2): its own code, the kernel's work for it, and what the kernel did in
// softirq context while it ran for this process.
func cpuShare() func() float64 {
	used := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start, before := time.Now(), used()
	return func() float64 { return float64(used()-before) / float64(time.Since(start)) }
}
