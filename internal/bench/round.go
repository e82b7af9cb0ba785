package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Round is one number of clients measured once.
type Round struct {
	// Create is all of CreateClients, and these are its parts: until the first
	// DISCOVER, until the last ACK, and the rest.
	Create, Links, Lease, Configure time.Duration

	LeaseRate int           // leases per second, while leases were asked for
	Resent    int           // DHCP messages sent again for want of an answer
	Remove    time.Duration // all of Cleanup

	Held

	Tester health.Report // how this machine did meanwhile
}

// Use does something with the clients that stand in a lab.
type Use func(*lab.Lab, *netmgr.NetworkManager) error

// round makes n clients, looks at them, uses them and removes them. On error none
// of them stands.
func (s *Session) round(ctx context.Context, l *lab.Lab, n int, use Use) (r Round, err error) {
	m, err := netmgr.New(s.Clients(l))
	if err != nil {
		return r, err
	}
	Settle(ctx)
	watch := health.Start(health.Options{Parent: l.Parent, Flatout: true})
	defer watch.Stop()
	before, start := InUse(), time.Now()
	if err := m.CreateClients(ctx, n); err != nil {
		return r, err
	}
	r.Create = time.Since(start)
	defer func() { err = errors.Join(err, m.Cleanup(s.Patience)) }() // for nothing if all goes well
	r.Held = InUse().each(before, n)
	made := m.Creation()
	first := slices.MinFunc(m.Clients(), func(a, b *netmgr.Client) int { return a.Timings.Asked.Compare(b.Timings.Asked) })
	r.Links, r.Lease = first.Timings.Asked.Sub(start), made.Leasing
	r.Configure = r.Create - r.Links - r.Lease
	r.LeaseRate, r.Resent = int(made.LeasesPerSecond()), made.Resent
	if use != nil {
		if err := use(l, m); err != nil {
			return r, err
		}
	}
	r.Tester = watch.Stop(health.Counters(m.Strain()))
	start = time.Now()
	if err := m.Cleanup(s.Patience); err != nil {
		return r, err
	}
	r.Remove = time.Since(start)
	return r, s.left(ctx, l)
}

// left asks the kernel and the server what is left of clients that are said to be
// gone. The error names it.
func (s *Session) left(ctx context.Context, l *lab.Lab) error {
	macvlans, err := netmgr.Macvlans(l.Parent)
	isLabs := func(name string) bool { return slices.Contains(l.Namespaces(), name) }
	names := slices.DeleteFunc(namespace.Marked(s.journal.Mark()), isLabs)
	leases, leasesErr := l.LeasesLeft(ctx)
	if macvlans > 0 || len(names) > 0 || leases > 0 {
		err = errors.Join(err, fmt.Errorf("left behind: %d macvlans on %s, namespaces %q, %d leases", macvlans, l.Parent, names, leases))
	}
	return errors.Join(err, leasesErr)
}
