package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// What clients can be told to do with their leases. Each of these returns when
// they have begun; Past tells what came of it.

// Extend has all clients that have a lease ask for more of it now: their servers,
// as at T1, or by broadcast any server, as at T2.
func (m *NetworkManager) Extend(broadcast bool) {
	m.group.Extend(broadcast, m.theirDHCP(m.clients)...)
}

// Decline has all clients tell their servers that another host has their
// addresses. They ask for others 10 seconds later.
func (m *NetworkManager) Decline() { m.group.Decline(m.theirDHCP(m.clients)...) }

// Reboot has all clients begin anew, as after a power cut, with the address that
// remembered returns, and returns those that ask for one. The others look for a
// server.
func (m *NetworkManager) Reboot(remembered func(*Client) netip.Prefix) (asking []*Client) {
	leases := map[*dhcp4.Client]Lease{}
	var fresh []*Client
	for _, c := range m.clients {
		if p := remembered(c); p.IsValid() {
			leases[c.dhcp] = Lease{Address: p}
			asking = append(asking, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	m.group.Reboot(leases)
	m.Ask(fresh...)
	return asking
}

// Release has clients give their leases back and do nothing from then on. The
// error names those that could not.
func (m *NetworkManager) Release(ctx context.Context, clients ...*Client) error {
	m.group.Pause(m.theirDHCP(clients)...)
	for _, c := range clients {
		c.closeSender() // its port is needed
	}
	m.releaseAll(ctx, clients)
	var kept []string
	var errs []error
	for _, c := range clients {
		host{c}.Idle()
		c.last.Store(nil)
		if c.leased {
			kept = append(kept, c.Name)
			continue
		}
		c.granted = journal.Lease{Client: c.number}
		errs = append(errs, m.opts.Journal.Record(journal.Entry{Lease: &c.granted}))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if kept != nil {
		errs = append(errs, fmt.Errorf("tester: the RELEASEs of %d clients could not be sent: %s", len(kept), ranges(kept)))
	}
	return errors.Join(errs...)
}

// Ask has clients that do nothing look for a server, and go on until they have
// an address.
func (m *NetworkManager) Ask(clients ...*Client) {
	m.group.Pause(m.theirDHCP(clients)...)
	m.group.Start(0, m.theirDHCP(clients)...)
}

// Remembered is the address that the client has or, while it reboots, had.
func (c *Client) Remembered() netip.Prefix {
	if l := c.last.Load(); l != nil {
		return l.Address
	}
	return netip.Prefix{}
}

// HasLease reports whether the client has a lease now.
func (c *Client) HasLease() bool { return c.lease() != nil }

// Idle reports whether the client does nothing, as after Release.
func (c *Client) Idle() bool { return c.Status().Idle }

// Missing is why the client has no lease.
func (c *Client) Missing() error {
	if c.m.opts.IPFamily == IPv6 {
		return errors.New("tester: clients speak IPv6 only (ip_family)")
	}
	if why := c.Status().Missing; why != nil {
		return why
	}
	return errors.New("its lease came a moment too late")
}

// With are the clients that have a lease, and Without those that have none.
func (m *NetworkManager) With() []*Client { return those(m.clients, (*Client).HasLease) }

func (m *NetworkManager) Without() []*Client {
	return those(m.clients, func(c *Client) bool { return !c.HasLease() })
}

func those(clients []*Client, are func(*Client) bool) (some []*Client) {
	for _, c := range clients {
		if are(c) {
			some = append(some, c)
		}
	}
	return some
}

func (m *NetworkManager) theirDHCP(clients []*Client) []*dhcp4.Client {
	var all []*dhcp4.Client
	for _, c := range clients {
		if c.dhcp != nil { // it did not come so far
			all = append(all, c.dhcp)
		}
	}
	return all
}

// Await waits until something holds for all of the clients, at most until end.
func Await(ctx context.Context, end time.Time, clients []*Client, holds func(*Client) bool) error {
	for _, c := range clients {
		for !holds(c) {
			if !time.Now().Before(end) {
				return context.Cause(ctx)
			}
			if err := packets.Pause(ctx, min(10*time.Millisecond, time.Until(end))); err != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}
