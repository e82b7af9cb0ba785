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
		measures = "each pings it, evenly spread over ping.interval, with the kernel's times"
		judges   = "of all replies of the newest measurement, which is made for ping.duration if there was none; lost pings do not count"
	)
	return []sentence{
		{`<clients> measure(s) the latency to the router for <time>`, measures, w.measureFor(toRouter)},
		{`<clients> measure(s) the latency to Google DNS for <time>`, measures, w.measureFor(toInternet)},
		{`the <x>th percentile latency to the router should be under <time>`, judges, w.latencyUnder(toRouter)},
		{`the <x>th percentile latency to Google DNS should be under <time>`, judges, w.latencyUnder(toInternet)},
		{`no client should lose more than <x>% of its pings`, "in the newest round of pings or measurement of latency; the latter is made, to the router, if there was neither", w.lostAtMost},
	}
}

// maxMeasure bounds a measurement: a scenario is no monitor.
const maxMeasure = 24 * time.Hour

func (w *world) measureFor(whom target) func(context.Context, string, time.Duration) error {
	return func(ctx context.Context, who string, d time.Duration) error {
		if d < time.Second || d > maxMeasure {
			return refuse("a measurement of %s: ask for %s to %s", d, time.Second, maxMeasure)
		}
		clients, err := w.members(who)
		if err != nil {
			return err
		}
		return w.measure(ctx, whom, 0, d, clients...)
	}
}

// measure sends count requests from each client, or each of those given, or when
// that is 0, for d.
func (w *world) measure(ctx context.Context, whom target, count int, d time.Duration, clients ...*netmgr.Client) error {
	p := w.ping()
	p.Count, p.Duration = count, d
	var measured netmgr.Latency
	report, err := w.round(ctx, whom, p, func(m *netmgr.NetworkManager, t netmgr.Target, p netmgr.Ping) []netmgr.PingResult {
		measured = m.ProbeAll(ctx, t, p, clients...)
		return measured.Clients
	})
	if err != nil {
		return err
	}
	w.latencies[whom] = &measured
	beside := w.last.beside
	if beside != "" {
		beside = "; " + beside
	}
	summary := fmt.Sprintf("latency to %s: p50 %s, p95 %s, p99 %s, max %s of %d replies to %d pings%s%s; %s", whom,
		brief(measured.RTT.P50()), brief(measured.RTT.P95()), brief(measured.RTT.P99()), brief(measured.RTT.Max()),
		measured.Received(), measured.Sent(), w.last.pace, beside, report)
	w.suite.chronicle.activity(latencyActivity(whom, measured, summary, report))
	return nil
}

func (w *world) latencyUnder(whom target) func(context.Context, float64, time.Duration) error {
	return func(ctx context.Context, percentile float64, limit time.Duration) error {
		return w.judgeLatency(ctx, whom, percentile, limit)
	}
}

func (w *world) judgeLatency(ctx context.Context, whom target, percentile float64, limit time.Duration) error {
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
