package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Latency is clients that ping the router once a second for a while, seen by the
// latency probe and by a packet capture on the parent link at once.
type Latency struct {
	Clients        int
	Duration       time.Duration
	CPU            float64 // the share of one core that this process used
	Sent, Received int
	P99            time.Duration
	Seen           Pings
	Tester         health.Report
}

func latency(ctx context.Context, s *bench.Session, l *lab.Lab, n int, d time.Duration) (r Latency, err error) {
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		c, err := startCapture(ctx, l.Parent, "icmp")
		if err != nil {
			return err
		}
		strain, cpu := m.Strain(), cpuShare()
		watch := health.Start(health.Options{Parent: l.Parent})
		p := m.ProbeAll(ctx, netmgr.Gateway, netmgr.Ping{Duration: d})
		r = Latency{Clients: n, Duration: d, CPU: cpu(), Sent: p.Sent(), Received: p.Received(), P99: p.RTT.P99()}
		r.Tester = watch.Stop(health.Counters(m.Strain().Since(strain)))
		r.Seen, err = c.pings()
		return err
	})
	return r, err
}

// cpuShare begins to measure the share of one core that this process uses, by
// getrusage(2): its own code, the kernel's on its behalf, and what the kernel did in
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
