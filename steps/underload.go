package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/workload"
	"github.com/lanstorm/lanstorm/netmgr"
)

// underLoad is the sentences about latency while the line is full.
func (w *world) underLoad() []sentence {
	const (
		loads  = "for so long, after 5 seconds of silence; meanwhile all clients measure the latency to targets.google_dns"
		grades = "by the latency that the load adds: A+ below 5 ms, A 30, B 60, C 200, D 400, else F"
	)
	return []sentence{
		{`<clients> load(s) the line for <time>`, "they download and upload " + loads, w.loads(true, true)},
		{`<clients> load(s) the line down for <time>`, "they download " + loads, w.loads(true, false)},
		{`<clients> load(s) the line up for <time>`, "they upload " + loads, w.loads(false, true)},
		{`the latency under load should be graded "<name>" or better`, grades, w.gradedAtLeast},
		{`the latency under load should be graded "<name>"`, "exactly so: " + grades, w.gradedExactly},
	}
}

// loaded is the latency before, during and after a load.
type loaded struct {
	idle, rising, full, after netmgr.Latency
}

const (
	calm    = 5 * time.Second // before and after
	rising  = 3 * time.Second // until buffers are full
	streams = 16              // at least, each way: few take long to fill a deep buffer
)

// grade is for added latency below a bound.
type grade struct {
	name  string
	below time.Duration
}

// grades are those that dslreports.com made known, the best first.
var grades = []grade{
	{"A+", 5 * time.Millisecond}, {"A", 30 * time.Millisecond}, {"B", 60 * time.Millisecond},
	{"C", 200 * time.Millisecond}, {"D", 400 * time.Millisecond}, {"F", 1<<63 - 1},
}

func (w *world) loads(down, up bool) func(context.Context, string, time.Duration) error {
	return func(ctx context.Context, who string, d time.Duration) error {
		if d < 2*rising || d > maxMeasure {
			return refuse("a load of %s: ask for %s to %s", d, 2*rising, maxMeasure)
		}
		clients, err := w.members(who)
		if err != nil {
			return err
		}
		flows := (streams + len(clients) - 1) / len(clients)
		var loads []*busy
		if down {
			work, err := w.downloading()
			if err != nil {
				return err
			}
			work.Connections, work.Timeout = flows, 0
			loads = append(loads, &busy{kind: "download", what: "load the line down", clients: clients, work: same(work)})
		}
		if up {
			work, err := w.uploading(1e12)
			if err != nil {
				return err
			}
			work.Connections, work.Timeout = flows, 0
			loads = append(loads, &busy{kind: "upload", what: "load the line up", clients: clients, work: same(work)})
		}
		w.suite.chronicle.left(d + 2*calm)
		l := &loaded{}
		report := w.watched(w.m, false, func() {
			l.idle = w.latencyFor(ctx, calm)
			w.assign(ctx, workload.Schedule{For: d}, loads...)
			l.rising = w.latencyFor(ctx, rising)
			l.full = w.latencyFor(ctx, d-rising)
			w.over((*workload.Running).Wait, loads...)
			l.after = w.latencyFor(ctx, calm)
		})
		w.loaded = l
		w.suite.chronicle.activity(l.activity(report))
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return verdictOn(loads)
	}
}

// latencyFor is measured as often as ping.internet_rate lets it be.
func (w *world) latencyFor(ctx context.Context, d time.Duration) netmgr.Latency {
	p := netmgr.Ping{Duration: d, Timeout: 5 * time.Second}
	p.Interval = max(100*time.Millisecond, time.Duration(len(w.m.Clients()))*time.Second/time.Duration(w.config().Ping.InternetRate))
	return w.m.ProbeAll(ctx, w.targetOf(toInternet), p)
}

// added is the mean latency that the load adds to the least that there is without.
func (l *loaded) added() time.Duration { return max(0, l.full.RTT.Mean()-l.idle.RTT.Min()) }

// graded is an index of grades: the worst when nothing came back.
func (l *loaded) graded() int {
	if l.full.Received() == 0 || l.idle.Received() == 0 {
		return len(grades) - 1
	}
	return slices.IndexFunc(grades, func(g grade) bool { return l.added() < g.below })
}

func (l *loaded) String() string {
	if l.full.Received() == 0 || l.idle.Received() == 0 {
		return fmt.Sprintf("of %d pings before the load %d had an answer, and of %d during it %d", l.idle.Sent(), l.idle.Received(), l.full.Sent(), l.full.Received())
	}
	return fmt.Sprintf("the load adds %s to %s (%.1f%% of the pings lost)", brief(l.added()), brief(l.idle.RTT.Min()), l.full.Loss())
}

func (w *world) gradedAtLeast(name string) error {
	return w.gradedAs(name, " or better", func(got, wanted int) bool { return got <= wanted })
}

func (w *world) gradedExactly(name string) error {
	return w.gradedAs(name, "", func(got, wanted int) bool { return got == wanted })
}

func (w *world) gradedAs(name, or string, good func(got, wanted int) bool) error {
	wanted := slices.IndexFunc(grades, func(g grade) bool { return g.name == name })
	if wanted < 0 {
		return refuse("%q is not a grade: there are A+, A, B, C, D and F", name)
	}
	if w.loaded == nil {
		return refuse(`the line was not loaded yet: say "all clients load the line for 30 seconds" first`)
	}
	if got := w.loaded.graded(); !good(got, wanted) {
		return fmt.Errorf("the latency under load is graded %s, not %s%s: %s", grades[got].name, name, or, w.loaded)
	}
	return nil
}

func (l *loaded) activity(report health.Report) record.Activity {
	a := activity("latency under load", fmt.Sprintf("latency under load: grade %s, %s; %s", grades[l.graded()].name, l, report), report)
	a.Figures = append([]record.Figure{
		key("latency added by load", l.added().Seconds(), record.Seconds), figure("latency without load p50", l.idle.RTT.P50().Seconds(), record.Seconds),
		figure("latency under load p50", l.full.RTT.P50().Seconds(), record.Seconds), key("latency under load p99", l.full.RTT.P99().Seconds(), record.Seconds),
		figure("latency after load p50", l.after.RTT.P50().Seconds(), record.Seconds), figure("loss under load", l.full.Loss(), record.Percent),
	}, a.Figures...)
	for name, phase := range map[string]netmgr.Latency{"before": l.idle, "during": l.full, "after": l.after} {
		a.Distributions = append(a.Distributions, record.Distribution{Name: name, Plot: "latency before, during and after the load", Times: phase.RTT})
	}
	slices.SortFunc(a.Distributions, func(x, y record.Distribution) int { return strings.Compare(y.Name, x.Name) })
	var median, worst []float64
	for _, phase := range []netmgr.Latency{l.idle, l.rising, l.full, l.after} {
		at := int(phase.Start.Sub(l.idle.Start).Round(time.Second) / time.Second)
		median, worst = append(median, spans(max(0, at-len(median)))...), append(worst, spans(max(0, at-len(worst)))...)
		for i := range phase.P50 {
			for range int(phase.Step / time.Second) {
				median, worst = append(median, phase.P50[i]), append(worst, phase.P99[i])
			}
		}
	}
	a.Charts = append([]record.Chart{chart("latency before, during and after the load", record.Seconds, l.idle.Start, time.Second,
		record.Line{Name: "p50", Values: points(median)}, record.Line{Name: "p99", Values: points(worst)})}, a.Charts...)
	a.Clients = pingTable(l.full.Clients, true)
	return a
}
