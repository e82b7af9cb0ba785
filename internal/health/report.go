package health

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// The names of limits.
const (
	Softnet         = "softnet"          // the kernel dropped received packets that waited for a processor
	ParentDrops     = "parent-drops"     // the clients' parent link dropped packets
	ClientDrops     = "client-drops"     // the clients' own links dropped packets
	NoBuffers       = "no-buffers"       // packets could not be sent at once
	ReceiveOverflow = "receive-overflow" // packets were lost in the clients' sockets
	ListenerBroken  = "listener-broken"  // the socket that hears answers for the clients was broken
	Neighbours      = "neighbours"       // the neighbour table overflowed
	CPU             = "cpu"              // the processors had no time left
	Steal           = "steal"            // other virtual machines had the processors
	RunQueue        = "run-queue"        // our own work waited for a processor
	Throttled       = "throttled"        // a Raspberry Pi was slowed down
)

// Limit is one reason why results may be the tester's rather than the router's.
type Limit struct {
	Name    string // one of the constants
	Finding string // for people
	Remedy  string // what to do or to type; empty when nothing can be done
}

// Report is what became of the tester during a Watch.
type Report struct {
	Limits    []Limit
	CPU       float64         // share of all processors' time that was not idle, 0 to 1; stolen time included
	Busy      *measure.Series // CPU over time; nil when it was not watched
	Delay     Delay           // how long our own work waited for a processor
	Took      time.Duration   // from Start to Stop
	Unwatched []string        // what could not be watched, and why

	flatout bool // to use all processors was no limit
	flapped bool // the parent went down or up
}

// Delay is how late our own goroutines ran when they were due.
type Delay struct {
	P99, Max time.Duration
}

// Clean reports whether the tester was nowhere near a limit that is watched.
func (r Report) Clean() bool { return len(r.Limits) == 0 }

// String is the report in one line, such as "tester: clean (CPU 63%)".
func (r Report) String() string {
	if r.Clean() {
		return fmt.Sprintf("tester: clean (CPU %s)", r.cpu())
	}
	var parts []string
	told := map[string]bool{"": true}
	for _, l := range r.Limits {
		part := l.Finding
		if !told[l.Remedy] {
			part += " -> " + l.Remedy
			told[l.Remedy] = true
		}
		parts = append(parts, part)
	}
	return "tester: at its limit: " + strings.Join(parts, "; ")
}

func (r Report) cpu() string {
	if r.Busy == nil {
		return "not watched"
	}
	if r.flatout && r.CPU >= full {
		return percent(r.CPU) + ", flat out"
	}
	return percent(r.CPU)
}

func (r *Report) limit(name, remedy, finding string, args ...any) {
	r.Limits = append(r.Limits, Limit{Name: name, Finding: fmt.Sprintf(finding, args...), Remedy: remedy})
}

func (r *Report) unwatched(name string, why error) {
	if s := fmt.Sprintf("%s (%v)", name, why); !slices.Contains(r.Unwatched, s) {
		r.Unwatched = append(r.Unwatched, s)
	}
}

// What to do about limits that have no setting of their own.
const (
	fewer    = "use fewer clients, a faster machine, or end what else runs on this one"
	fewerNow = "let fewer clients be made or speak at one time (dhcp.in_flight)"
)

// judgeCounters takes any count for a limit: each is a packet that was lost or
// late before it reached the wire, or after it had left it.
func judgeCounters(r *Report, counted []Counters) {
	var sum Counters
	for _, c := range counted {
		sum.NoBuffers += c.NoBuffers
		sum.Overflows += c.Overflows
		sum.LinkDrops += c.LinkDrops
		sum.Broken = cmp.Or(sum.Broken, c.Broken)
	}
	if sum.Broken != "" {
		r.limit(ListenerBroken, "look at what the kernel says: dmesg", "what DHCP servers answered could not be heard: %s", sum.Broken)
	}
	for _, c := range []struct {
		limit    string
		count    int
		harmless bool // what clients sent into a link that was down was dropped, or stuck in a queue
		finding  string
	}{
		{ClientDrops, sum.LinkDrops, r.flapped, "%s dropped by the clients' own links"},
		{NoBuffers, sum.NoBuffers, r.flapped, "%s could not be sent at once, because a queue was full (ENOBUFS)"},
		{ReceiveOverflow, sum.Overflows, false, "%s lost after they had arrived, because clients read them too slowly"},
	} {
		switch {
		case c.count == 0:
		case c.harmless:
			r.unwatched(c.limit, errLostCarrier)
		default:
			r.limit(c.limit, fewerNow, c.finding, measure.Times(c.count, "packet"))
		}
	}
}

// percent rounds down, so that 100% means it.
func percent(share float64) string { return fmt.Sprintf("%d%%", int(math.Floor(100*share+1e-6))) }

// round leaves a time two or three digits.
func round(d time.Duration) time.Duration {
	for unit := time.Microsecond; unit < time.Second; unit *= 10 {
		if d < 100*unit {
			return d.Round(unit)
		}
	}
	return d.Round(100 * time.Millisecond)
}
