package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// The sizes of a suite.
var (
	dnsmasqSizes = []int{50, 200}             // by hand more would take minutes
	keaSizes     = []int{50, 200, 1000, 4000} // the crowd being the last
	labSizes     = []int{1000, 4000}
)

// packets are how many clients perfdhcp makes up at most: as many as lanstorm's
// own, in a burst of a tenth of a second, and so many that it keeps a rate up
// for two seconds.
var packets = []int{thousand, 20_000}

const (
	crowd    = 4000
	thousand = 1000
	minute   = time.Minute
)

// Suite is all that docs/benchmarks.md tells, measured in one go.
type Suite struct {
	Date     time.Time
	Took     time.Duration
	Machine  Machine
	Versions []Version

	Rows   []Row
	Hand   []Hand
	Bare   []Bare
	Refs   []PacketRate
	Crowd  Crowd
	Minute Minute

	Storms   []Storm
	Checking time.Duration // that a thousand clients take for a look whether addresses are free
	Standing Standing

	Problems []string // what could not be measured, and why
}

// Hand is clients made by the commands that people would type.
type Hand struct {
	Clients int
	ManualResult
}

// PacketRate is what perfdhcp comes to with up to so many clients.
type PacketRate struct {
	Clients int
	Reference
}

// Bare is clients that are a namespace and a macvlan, and nothing else.
type Bare struct {
	Clients int
	Took    time.Duration
}

// Crowd is what a packet capture saw of the pings of all clients at once: the
// worst of all rounds.
type Crowd struct {
	Rounds            int
	Requests, Replies int
	Span              time.Duration // from the first request to the last
	Missed            int           // packets that the capture lost
}

// RunSuite measures everything, opts.Repeat times where it takes no minutes.
// What fails is told in Suite.Problems, and the rest is measured all the same.
// The error is a *StartError when nothing was measured, or says what was left
// behind, or that ctx has ended.
func RunSuite(ctx context.Context, opts Options, version string) (_ *Suite, err error) {
	if err := installed(); err != nil {
		return nil, &StartError{err}
	}
	opts.Mode = "bridge"
	s, err := begin(opts)
	if err != nil {
		return nil, &StartError{err}
	}
	r := &Suite{Date: s.started, Machine: thisMachine(), Versions: versions(version)}
	defer func() { err = errors.Join(err, s.end(err != nil || len(r.Problems) > 0)) }()
	r.underDnsmasq(ctx, s)
	r.underKea(ctx, s)
	r.underBuiltin(ctx, s)
	r.standingClients(ctx, s)
	r.Took = time.Since(s.started)
	return r, context.Cause(ctx)
}

// try measures something, unless ctx has ended.
func (r *Suite) try(ctx context.Context, s *session, what string, do func() error) {
	if ctx.Err() != nil {
		return
	}
	if err := do(); err != nil && ctx.Err() == nil {
		problem := what + ": " + oneLine(err)
		r.Problems = append(r.Problems, problem)
		s.say("%s", problem)
	}
}

func (r *Suite) rows(ctx context.Context, s *session, server lab.Server, sizes []int, then func(*lab.Lab, int)) {
	s.Server = server
	for _, n := range sizes {
		r.try(ctx, s, fmt.Sprintf("%d clients, %s", n, title(server)), func() error {
			return s.inLab(server, func(l *lab.Lab) error {
				row, err := s.measure(ctx, l, n)
				r.Rows = append(r.Rows, row)
				if err == nil {
					then(l, n)
				}
				return err
			})
		})
	}
}

func (r *Suite) underDnsmasq(ctx context.Context, s *session) {
	r.rows(ctx, s, lab.Dnsmasq, dnsmasqSizes, func(l *lab.Lab, n int) {
		r.try(ctx, s, fmt.Sprintf("%d clients by hand", n), func() error {
			s.say("dnsmasq, %d clients by hand", n)
			m, err := Manual(ctx, l, n)
			if err == nil {
				r.Hand = append(r.Hand, Hand{n, m})
			}
			return err
		})
	})
}

func (r *Suite) underKea(ctx context.Context, s *session) {
	s.around = r.captured
	r.rows(ctx, s, lab.Kea, keaSizes, func(l *lab.Lab, n int) {
		r.try(ctx, s, fmt.Sprintf("bare loop of %d", n), func() error { return r.bare(ctx, s, l, n) })
		if n != thousand {
			return
		}
		r.stormAt(ctx, s, l)
		for _, most := range packets {
			r.try(ctx, s, "perfdhcp", func() error {
				s.say("Kea, perfdhcp with up to %d clients", most)
				ref, err := Perfdhcp(ctx, l, most)
				if err == nil {
					r.Refs = append(r.Refs, PacketRate{most, ref})
				}
				return err
			})
		}
	})
	s.around = nil
}

func (r *Suite) underBuiltin(ctx context.Context, s *session) {
	r.rows(ctx, s, lab.Builtin, labSizes, func(l *lab.Lab, n int) {
		if n == thousand {
			r.try(ctx, s, "pings for a minute", func() (err error) {
				r.Minute, err = s.minute(ctx, l, n, minute)
				return err
			})
			r.stormAt(ctx, s, l)
			r.try(ctx, s, "addresses looked at first", func() (err error) {
				r.Checking, err = s.checking(ctx, l, n)
				return err
			})
		}
	})
}

func (r *Suite) stormAt(ctx context.Context, s *session, l *lab.Lab) {
	r.try(ctx, s, "storm", func() error {
		storm, err := s.storm(ctx, l, thousand)
		if err == nil {
			r.Storms = append(r.Storms, storm)
		}
		return err
	})
}

// standingClients renew leases of a minute for five.
func (r *Suite) standingClients(ctx context.Context, s *session) {
	const lease, d = time.Minute, 5 * time.Minute
	r.try(ctx, s, "clients that stand", func() error {
		return s.inLabWith(lab.Options{LeaseTime: lease, Server: lab.Builtin}, func(l *lab.Lab) (err error) {
			r.Standing, err = s.standing(ctx, l, thousand, lease, d)
			return err
		})
	})
}

func (r *Suite) bare(ctx context.Context, s *session, l *lab.Lab, n int) error {
	s.say("bare loop of %d namespaces and macvlans", n)
	var times []time.Duration
	for range s.Repeat {
		settle(ctx)
		took, err := s.bare(l, n)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	r.Bare = append(r.Bare, Bare{n, median(times)})
	return nil
}

// captured looks at the pings of the crowd from outside.
func (r *Suite) captured(ctx context.Context, l *lab.Lab, n int, ping func() error) error {
	if n != crowd {
		return ping()
	}
	c, err := startCapture(ctx, l.Parent, "icmp")
	if err != nil {
		return err
	}
	pingErr := ping()
	seen, err := c.stop()
	if err := errors.Join(pingErr, err); err != nil {
		return err
	}
	r.Crowd.add(seen)
	return nil
}

func (c *Crowd) add(s sightings) {
	if c.Rounds++; c.Rounds == 1 || s.Requests < c.Requests {
		c.Requests = s.Requests
	}
	if c.Rounds == 1 || len(s.RTTs) < c.Replies {
		c.Replies = len(s.RTTs)
	}
	c.Span = max(c.Span, s.Last.Sub(s.First))
	c.Missed += s.Dropped
}

// Failed reports whether anything could not be measured, or did not go as it
// should. A target that was not reached is no failure.
func (r *Suite) Failed() bool { return len(r.Problems) > 0 || (Report{Rows: r.Rows}).Failed() }

// row is the one of this server and size; nil when it was not measured.
func (r *Suite) row(server string, n int) *Row {
	i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Server == server && row.Clients == n && row.Rounds > 0 })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}
