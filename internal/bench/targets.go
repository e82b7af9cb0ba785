package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Target is something that lanstorm must reach on a machine with two cores.
type Target struct {
	Number   string
	Asked    string
	Measured string
	Reached  bool
}

// Mark is the last cell of its row.
func (t Target) Mark() string {
	if t.Reached {
		return "reached"
	}
	return "**not reached**"
}

// The targets.
const (
	timesByHand   = 50                      // as fast as the manual commands
	handClients   = 200                     //
	createTime    = 1500 * time.Millisecond // for a thousand
	timesBare     = 1.5                     // or so many times the bare loop
	shareOfRate   = 0.85                    // of perfdhcp's leases per second
	sendTime      = time.Second             // for all pings of the crowd
	timesThousand = 5                       // for four times as many
	removeTime    = 4 * time.Second         // for the crowd
	shareOfCore   = 0.10                    // while a thousand ping
	gapAtP99      = 200 * time.Microsecond  // between probe and capture
	residentMost  = 64 << 10                // bytes for each client
	filesMost     = 1.01                    // for each client; all of them share a listener
	threadsMost   = 64
	stormSpan     = 60 * time.Millisecond  // for the first DISCOVERs of a thousand
	stormLeased   = 4 * time.Second        // until each has its lease from Kea
	checkTime     = 300 * time.Millisecond // more for a thousand, to look whether addresses are free
	shareStanding = 0.02                   // of a core, for a thousand that stand
	growthMost    = 0.05                   // of memory, while they do
)

// Targets compares what was measured with what must be reached.
func (r *Suite) Targets() []Target {
	var all []Target
	target := func(number, asked string, judge func() (measured string, reached bool)) {
		t := Target{Number: number, Asked: asked}
		t.Measured, t.Reached = judge()
		all = append(all, t)
	}
	target("1", fmt.Sprintf("%d clients, dnsmasq: made at least %d times as fast as by the manual commands", handClients, timesByHand),
		r.byHand(func(h Hand) time.Duration { return h.Create }, func(m Round) time.Duration { return m.Create }))
	target("1", fmt.Sprintf("removed at least %d times as fast", timesByHand),
		r.byHand(func(h Hand) time.Duration { return h.Teardown }, func(m Round) time.Duration { return m.Remove }))
	target("2", fmt.Sprintf("%d clients, Kea, bridge mode: made within %s, or %.1f times the bare loop if that is longer", thousand, createTime, timesBare), r.nearBare)
	target("3", fmt.Sprintf("%d clients, Kea: leases per second at least %.2f of perfdhcp's highest loss-free rate", thousand, shareOfRate), r.nearPerfdhcp)
	target("4", fmt.Sprintf("%d clients, Kea: each gets its lease, and has a reply to one ping to the router and to one to 8.8.8.8", crowd), r.crowdAnswered)
	target("4", fmt.Sprintf("these pings are sent within %s", sendTime), func() (string, bool) {
		c := r.Crowd
		if c.Rounds == 0 {
			return notMeasured, false
		}
		return fmt.Sprintf("%d requests and %d replies within %s, seen by a packet capture", c.Requests, c.Replies, short(c.Span)),
			c.Requests == 2*crowd && c.Replies == 2*crowd && c.Span <= sendTime
	})
	target("4", "the tester is clean meanwhile", r.ofCrowd(func(m Round) (string, bool) { return m.Verdict, m.Clean }))
	target("4", fmt.Sprintf("they are made in at most %d times the time of %d", timesThousand, thousand), r.grown)
	target("4", fmt.Sprintf("they are removed within %s", removeTime),
		r.ofCrowd(func(m Round) (string, bool) { return short(m.Remove), m.Remove <= removeTime }))
	target("4", "nothing of them is left: no macvlan, no namespace, no lease at the server", r.nothingLeft)
	target("5", fmt.Sprintf("%d clients ping once a second for %.0f s: at most %.0f %% of one core", thousand, minute.Seconds(), 100*shareOfCore), func() (string, bool) {
		m := r.Minute
		if m.Clients == 0 {
			return notMeasured, false
		}
		return fmt.Sprintf("%.1f %%; %d of %d pings answered; %s", 100*m.CPU, m.Received, m.Sent, m.Verdict), m.CPU <= shareOfCore
	})
	target("5", fmt.Sprintf("RTT p99 within %s of that from a packet capture", gapAtP99), func() (string, bool) {
		m := r.Minute
		if m.Clients == 0 {
			return notMeasured, false
		}
		return fmt.Sprintf("%s; by the capture (%d of %d replies) %s", short(m.P99), m.Replies, m.Received, short(m.SeenP99)),
			m.Replies > 0 && m.Gap() <= gapAtP99
	})
	target("6", fmt.Sprintf("at most %d KB of resident memory for each idle client", residentMost>>10), r.most(func(m Round) float64 { return m.Resident }, residentMost, func(v float64) string { return fmt.Sprintf("%.1f KB", v/1024) }))
	target("6", fmt.Sprintf("at most %.2f file descriptors for each", filesMost), r.most(func(m Round) float64 { return m.Descriptors }, filesMost, func(v float64) string { return fmt.Sprintf("%.3f", v) }))
	target("6", fmt.Sprintf("at most %d threads in all", threadsMost), r.most(func(m Round) float64 { return m.Threads }, threadsMost, func(v float64) string { return fmt.Sprintf("%.0f", v) }))
	target("7", fmt.Sprintf("%d clients ask at once: all first DISCOVERs leave within %s", thousand, stormSpan), r.ofStorm("lab", func(s Storm) (string, bool) {
		return fmt.Sprintf("%s, of %d clients, seen by a packet capture", short(s.Span), s.Seen), s.Seen == thousand && s.Span <= stormSpan
	}))
	target("7", fmt.Sprintf("all at once at Kea: each has its lease within %s", stormLeased), r.ofStorm("Kea", func(s Storm) (string, bool) {
		return fmt.Sprintf("%s; %d of %d messages sent again", short(s.Leased), s.Resent, s.Sent), s.Clients == thousand && s.Leased <= stormLeased
	}))
	target("8", fmt.Sprintf("to look whether addresses are free takes %d clients at most %s", thousand, checkTime), func() (string, bool) {
		if r.Checking == 0 {
			return notMeasured, false
		}
		return short(r.Checking), r.Checking <= checkTime
	})
	target("9", fmt.Sprintf("%d clients stand with leases of a minute: every renewal in time, at most %.0f %% of one core, memory and files flat", thousand, 100*shareStanding), func() (string, bool) {
		s := r.Standing
		if s.Clients == 0 {
			return notMeasured, false
		}
		return fmt.Sprintf("in %s %d renewals, %d at least of each client, %d late, %d leases lost; %.1f %%; memory %+.1f %%; %d files open, then %d",
				s.Duration, s.Renewals, s.Fewest, s.Late, s.Lost, 100*s.CPU, 100*s.Resident, s.FilesLess, s.Files),
			s.Fewest >= s.Expected() && s.Late == 0 && s.Lost == 0 && s.CPU <= shareStanding && s.Resident <= growthMost && s.Files <= s.FilesLess
	})
	return all
}

func (r *Suite) ofStorm(server string, judge func(Storm) (string, bool)) judge {
	return func() (string, bool) {
		for _, s := range r.Storms {
			if s.Server == server {
				return judge(s)
			}
		}
		return notMeasured, false
	}
}

// Reached is how many targets were.
func (r *Suite) Reached() (n int) {
	for _, t := range r.Targets() {
		if t.Reached {
			n++
		}
	}
	return n
}

const notMeasured = "not measured"

type judge = func() (string, bool)

func (r *Suite) byHand(hand func(Hand) time.Duration, ours func(Round) time.Duration) judge {
	return func() (string, bool) {
		i := slices.IndexFunc(r.Hand, func(h Hand) bool { return h.Clients == handClients })
		row := r.row("dnsmasq", handClients)
		if i < 0 || row == nil {
			return notMeasured, false
		}
		by, in := hand(r.Hand[i]), ours(row.Median)
		times := ratio(by, in)
		return fmt.Sprintf("%.0f times (%s instead of %s)", times, short(in), short(by)), times >= timesByHand
	}
}

func (r *Suite) nearBare() (string, bool) {
	row, bare := r.row("Kea", thousand), r.bareOf(thousand)
	if row == nil || bare == 0 {
		return notMeasured, false
	}
	limit := max(createTime, time.Duration(timesBare*float64(bare)))
	return fmt.Sprintf("%s; the bare loop takes %s, so %s are allowed", short(row.Median.Create), short(bare), short(limit)), row.Median.Create <= limit
}

func (r *Suite) bareOf(n int) time.Duration {
	for _, b := range r.Bare {
		if b.Clients == n {
			return b.Took
		}
	}
	return 0
}

// nearPerfdhcp takes the higher rate of a burst and of some seconds for the
// highest, and tells both.
func (r *Suite) nearPerfdhcp() (string, bool) {
	row := r.row("Kea", thousand)
	if row == nil || len(r.Refs) < len(packets) {
		return notMeasured, false
	}
	ours := row.Median.LeasesPerSecond
	highest, parts := 0.0, []string{fmt.Sprintf("%.0f leases per second", ours)}
	for _, ref := range r.Refs {
		if ref.Rate == 0 {
			return notMeasured, false
		}
		highest = max(highest, ref.Rate)
		parts = append(parts, fmt.Sprintf("%.2f of perfdhcp's %.0f with up to %d clients", ours/ref.Rate, ref.Rate, ref.Clients))
	}
	return strings.Join(parts, "; "), ours >= shareOfRate*highest
}

func (r *Suite) ofCrowd(of func(Round) (string, bool)) judge {
	return func() (string, bool) {
		row := r.row("Kea", crowd)
		if row == nil {
			return notMeasured, false
		}
		return of(row.Median)
	}
}

func (r *Suite) crowdAnswered() (string, bool) {
	row := r.row("Kea", crowd)
	if row == nil {
		return notMeasured, false
	}
	// A round in which somebody had no lease is no round.
	return fmt.Sprintf("%d leases, %.0f replies, in each of %d rounds", crowd, row.Median.Answered, row.Rounds),
		row.Median.Answered == 2*crowd && len(row.Median.Failures) == 0
}

func (r *Suite) grown() (string, bool) {
	a, b := r.row("Kea", thousand), r.row("Kea", crowd)
	if a == nil || b == nil {
		return notMeasured, false
	}
	times := ratio(b.Median.Create, a.Median.Create)
	return fmt.Sprintf("%.1f times (%s and %s)", times, short(b.Median.Create), short(a.Median.Create)), times <= timesThousand
}

func (r *Suite) nothingLeft() (string, bool) {
	row := r.row("Kea", crowd)
	switch {
	case row == nil:
		return notMeasured, false
	case len(row.Median.Failures) > 0:
		return row.Median.Failures[0], false
	}
	return fmt.Sprintf("nothing, after each of %d rounds", row.Rounds), true
}

// most judges the largest of all rows that are not too small to tell.
func (r *Suite) most(of func(Round) float64, limit float64, show func(float64) string) judge {
	return func() (string, bool) {
		var largest *Row
		for i, row := range r.Rows {
			if row.Clients >= thousand && row.Rounds > 0 && (largest == nil || of(row.Median) > of(largest.Median)) {
				largest = &r.Rows[i]
			}
		}
		if largest == nil {
			return notMeasured, false
		}
		v := of(largest.Median)
		return fmt.Sprintf("%s (%d clients, %s)", show(v), largest.Clients, largest.Server), v <= limit
	}
}

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}
