// Package bench measures what clients cost on this machine: how long it takes
// to make and to remove them, and what they hold while they stand idle. It
// measures in a lab that it builds itself, never on a real interface, and leaves
// nothing behind.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/run"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Session is a run of measurements.
type Session struct {
	Mode     string          // macvlan mode: bridge, private or vepa
	Repeat   int             // how often each number of clients is measured
	Progress io.Writer       // gets a line whenever something else is measured
	Patience context.Context // ends when the router is not to be waited for any more

	journal *journal.Run
}

// StartError says that this machine or the lab is not fit for it.
type StartError struct{ error }

// Run calls do within a session, and cleans up what do has left.
func (s *Session) Run(do func() error) (err error) {
	if s.journal, err = run.Begin(s.Patience, "bench", "lab", s.Progress); err != nil {
		return StartError{err}
	}
	defer func() { err = errors.Join(err, run.End(s.Patience, s.journal, err != nil)) }()
	return do()
}

// InLab calls do with a lab that stands for as long.
func (s *Session) InLab(server lab.Server, leaseTime time.Duration, do func(*lab.Lab) error) (err error) {
	subnet := netip.MustParsePrefix("10.64.0.0/10")
	l, err := lab.Start(lab.Options{Subnet: subnet, Pool: 1_000_000, LeaseTime: leaseTime, Server: server, Journal: s.journal})
	if err != nil {
		return StartError{err}
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := s.journal.Claim(l.Parent); err != nil {
		return err
	}
	return do(l)
}

// Clients says how clients are made in a lab. So many of them ask for a lease at
// one time as a server's socket has room for.
func (s *Session) Clients(l *lab.Lab) netmgr.Options {
	return netmgr.Options{Parent: l.Parent, Mode: s.Mode, InFlight: 64, Journal: s.journal, Patience: s.Patience}
}

// Measure measures n clients in a lab of their own, of which the zero Server is
// the lab's. Use, if any, does something with the clients of each round.
func (s *Session) Measure(ctx context.Context, server lab.Server, n int, use Use) (row Row, err error) {
	name := cmp.Or(string(server), "lab")
	var rounds []Round
	err = s.InLab(server, time.Hour, func(l *lab.Lab) error {
		for i := range s.Repeat {
			fmt.Fprintf(s.Progress, "%s, %s mode, %d clients: %d of %d\n", name, s.Mode, n, i+1, s.Repeat)
			r, err := s.round(ctx, l, n, use)
			if err != nil {
				return fmt.Errorf("%d clients, %s: %w", n, name, err)
			}
			rounds = append(rounds, r)
		}
		return nil
	})
	if err != nil {
		return row, err
	}
	return Row{name, s.Mode, n, sum(rounds)}, nil
}
