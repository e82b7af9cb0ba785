package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Minute is clients that ping the router once a second for a while, seen by the
// latency probe and by a packet capture on the parent link at once.
type Minute struct {
	Clients  int
	Duration time.Duration

	// CPU is the share of one core that this process used, by getrusage(2): its
	// own code, the kernel's on its behalf, opening and closing the sockets, and
	// what the kernel did in softirq context while it ran for this process.
	CPU float64

	Sent, Received    int
	P50, P99          time.Duration // by the probe
	Requests, Replies int           // by the capture
	SeenP50, SeenP99  time.Duration
	Missed            int // packets that the capture lost
	Verdict           string
	Clean             bool
}

// Gap is by how much probe and capture differ at the 99th percentile.
func (m Minute) Gap() time.Duration { return (m.P99 - m.SeenP99).Abs() }

// minute makes n clients and has them ping for as long as d. On error none of
// them stands.
func (s *session) minute(ctx context.Context, l *lab.Lab, n int, d time.Duration) (r Minute, err error) {
	s.say("%d clients ping once a second for %s", n, d)
	m, err := s.manager(l)
	if err != nil {
		return r, err
	}
	if err := m.CreateClients(ctx, n); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.Cleanup(s.Patience)) }()
	c, err := startCapture(ctx, l.Parent, "icmp")
	if err != nil {
		return r, err
	}
	strain := m.Strain()
	watch := health.Start(health.Options{Parent: l.Parent})
	before := cpuTime()
	start := time.Now()
	probe := m.ProbeAll(ctx, netmgr.Gateway, netmgr.Ping{Duration: d, Interval: time.Second})
	r.CPU = float64(cpuTime()-before) / float64(time.Since(start))
	report := watch.Stop(counters(m.Strain(), strain))
	seen, err := c.stop()
	if err != nil || ctx.Err() != nil {
		return r, errors.Join(err, context.Cause(ctx))
	}
	r.Clients, r.Duration = n, d
	r.Sent, r.Received = probe.Sent(), probe.Received()
	r.P50, r.P99 = probe.RTT.P50(), probe.RTT.P99()
	r.Requests, r.Replies, r.Missed = seen.Requests, len(seen.RTTs), seen.Dropped
	r.SeenP50, r.SeenP99 = quantile(seen.RTTs, 0.5), quantile(seen.RTTs, 0.99)
	r.Verdict, r.Clean = report.String(), report.Clean()
	if r.Received == 0 {
		return r, fmt.Errorf("no client had a reply: %s", probe.Worst(1)[0].Reason)
	}
	return r, nil
}

// cpuTime is the processor time of this process so far, its threads' included.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
