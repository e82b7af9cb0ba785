package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/lanstorm/lanstorm/netmgr"
)

// Latencies come from the latency probe, whose times are the kernel's, and not
// from the pings of connectivity.go, which only say whether somebody answered.
func (w *world) latency() []sentence {
	const (
		measures = "every client pings it, evenly spread over ping.interval, with the kernel's times"
		judges   = "of all replies of the newest measurement, which is made for ping.duration if there was none; lost pings do not count"
	)
	return []sentence{
		{`all clients measure the latency to the router for <time>`, measures, w.measureRouterFor},
		{`all clients measure the latency to Google DNS for <time>`, measures, w.measureGoogleFor},
		{`the <x>th percentile latency to the router should be under <time>`, judges, w.routerLatencyUnder},
		{`the <x>th percentile latency to Google DNS should be under <time>`, judges, w.googleLatencyUnder},
		{`no client should lose more than <x>% of its pings`, "in the newest round of pings or measurement of latency; the latter is made, to the router, if there was neither", w.lostAtMost},
	}
}

// maxMeasure bounds a measurement: a scenario is no monitor.
const maxMeasure = 24 * time.Hour

func (w *world) measureRouterFor(ctx context.Context, d time.Duration) error {
	return w.measureFor(ctx, toRouter, d)
}

func (w *world) measureGoogleFor(ctx context.Context, d time.Duration) error {
	return w.measureFor(ctx, toInternet, d)
}

func (w *world) measureFor(ctx context.Context, whom target, d time.Duration) error {
	if d < time.Second || d > maxMeasure {
		return refuse("a measurement of %s: ask for %s to %s", d, time.Second, maxMeasure)
	}
	return w.measure(ctx, whom, 0, d)
}

// measure sends count requests from each client or, when that is 0, for d.
func (w *world) measure(ctx context.Context, whom target, count int, d time.Duration) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	var measured netmgr.Latency
	var beside string
	interval, pace := w.pace(whom, len(m.Clients()))
	p := netmgr.Ping{Count: count, Duration: d, Interval: interval, Timeout: w.config().Ping.Timeout}
	w.suite.chronicle.left(max(d, time.Duration(count)*interval) + p.Timeout)
	report := w.watched(m, false, func() {
		beside = w.beside(ctx, whom, func() { measured = m.ProbeAll(ctx, w.targetOf(whom), p) })
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.latencies[whom] = &measured
	w.last = &pinged{whom: whom, results: measured.Clients, beside: beside}
	w.rounds[whom] = w.last
	if beside != "" {
		beside = "; " + beside
	}
	summary := fmt.Sprintf("latency to %s: p50 %s, p95 %s, p99 %s, max %s of %d replies to %d pings%s%s; %s", whom,
		brief(measured.RTT.P50()), brief(measured.RTT.P95()), brief(measured.RTT.P99()), brief(measured.RTT.Max()),
		measured.Received(), measured.Sent(), pace, beside, report)
	w.suite.chronicle.activity(latencyActivity(whom, measured, summary, report))
	return nil
}

func (w *world) routerLatencyUnder(ctx context.Context, percentile float64, limit time.Duration) error {
	return w.latencyUnder(ctx, toRouter, percentile, limit)
}

func (w *world) googleLatencyUnder(ctx context.Context, percentile float64, limit time.Duration) error {
	return w.latencyUnder(ctx, toInternet, percentile, limit)
}

func (w *world) latencyUnder(ctx context.Context, whom target, percentile float64, limit time.Duration) error {
	if percentile < 1 || percentile > 100 {
		return refuse("the %s percentile: ask for the 1st to the 100th", ordinal(percentile))
	}
	if limit <= 0 {
		return refuse("under %s: ask for more than 0s", limit)
	}
	measured := w.latencies[whom]
	if measured == nil {
		p := w.config().Ping
		if err := w.measure(ctx, whom, p.Requests(), 0); err != nil {
			return err
		}
		measured = w.latencies[whom]
	}
	if measured.Received() == 0 {
		return w.judge(&pinged{whom: whom, results: measured.Clients}, 0)
	}
	found := measured.RTT.Percentile(percentile)
	if found < limit {
		return nil
	}
	slowest := measured.Clients[0]
	for _, c := range measured.Clients {
		if c.RTT.Percentile(percentile) > slowest.RTT.Percentile(percentile) {
			slowest = c
		}
	}
	return fmt.Errorf("the %s percentile latency to %s is %s, not under %s (of %d replies; the slowest client is %s with %s)",
		ordinal(percentile), whom, brief(found), limit, measured.Received(),
		slowest.Client, brief(slowest.RTT.Percentile(percentile)))
}

func (w *world) lostAtMost(ctx context.Context, percent float64) error {
	if percent < 0 || percent > 100 {
		return refuse("a loss of %g%%: ask for 0 to 100", percent)
	}
	if w.last == nil {
		if err := w.measure(ctx, toRouter, w.config().Ping.Requests(), 0); err != nil {
			return err
		}
	}
	return w.judge(w.last, percent)
}

// brief rounds a latency to what can be told of it.
func brief(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

func ordinal(x float64) string {
	suffix, n := "th", int(x)
	if x == float64(n) && (n%100 < 11 || n%100 > 13) {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%g%s", x, suffix)
}
