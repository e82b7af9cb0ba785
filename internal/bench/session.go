package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/lanstorm/lanstorm/internal/doctor"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/sweep"
	"github.com/lanstorm/lanstorm/netmgr"
)

// The LAN is large enough for all clients, and for those that perfdhcp makes
// up in a minute.
var subnet = netip.MustParsePrefix("10.64.0.0/10")

const (
	pool      = 1_000_000
	leaseTime = time.Hour
)

// session is a run of measurements, and knows what it has to clean up.
type session struct {
	Options
	journal *journal.Run
	started time.Time

	// around is called with the pings of a round by those who want to see them;
	// nil: nobody does.
	around func(ctx context.Context, l *lab.Lab, n int, ping func() error) error
}

// begin looks whether this machine can do it, cleans up after runs that died
// and opens the journal.
func begin(opts Options) (*session, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("not root: network namespaces need it, so run this with sudo")
	}
	if opts.Patience == nil {
		opts.Patience = context.Background()
	}
	s := &session{Options: opts, started: time.Now()}
	for _, c := range doctor.Quick(doctor.Options{}) {
		switch c.Status {
		case doctor.Problem:
			return nil, errors.New(c.String())
		case doctor.Warning:
			s.say("warning: %s", c)
		}
	}
	swept, err := sweep.Dead(opts.Patience, false)
	for _, r := range swept {
		s.say("cleaned up after %s", r)
	}
	if err != nil {
		return nil, fmt.Errorf("cleaning up after an earlier run: %w", err)
	}
	s.journal, err = journal.Begin("bench")
	return s, err
}

// end closes the journal. What is left after a failure is removed as if the
// run had been killed.
func (s *session) end(failed bool) error {
	if !failed {
		return s.journal.End()
	}
	abandonErr := s.journal.Abandon()
	_, sweepErr := sweep.Dead(s.Patience, false)
	return errors.Join(abandonErr, sweepErr)
}

// inLab calls do with a lab that stands for as long.
func (s *session) inLab(server lab.Server, do func(*lab.Lab) error) (err error) {
	return s.inLabWith(lab.Options{LeaseTime: leaseTime, Server: server}, do)
}

func (s *session) inLabWith(opts lab.Options, do func(*lab.Lab) error) (err error) {
	opts.Subnet, opts.Pool, opts.Journal = subnet, pool, s.journal
	l, err := lab.Start(opts)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		err = errors.Join(err, l.Close())
	}()
	if err := s.journal.Claim(l.Parent); err != nil {
		return err
	}
	return do(l)
}

// inFlight is how many clients of a row ask for a lease at one time: what a
// server's socket has room for. What it does with all at once is a storm's to tell.
const inFlight = 64

// manager makes clients in the lab.
func (s *session) manager(l *lab.Lab) (*netmgr.NetworkManager, error) {
	return netmgr.New(s.options(l))
}

func (s *session) options(l *lab.Lab) netmgr.Options {
	return netmgr.Options{
		Parent:      l.Parent,
		Mode:        s.Mode,
		InFlight:    inFlight,
		DHCPTimeout: dhcpTimeout,
		Journal:     s.journal,
		Patience:    s.Patience,
	}
}

// dhcpTimeout is long enough for dnsmasq to get to the last of 4000 clients.
const dhcpTimeout = time.Minute

// say tells what is done now, and when.
func (s *session) say(format string, args ...any) {
	if s.Progress != nil {
		fmt.Fprintf(s.Progress, "%6.1fs  %s\n", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
	}
}
