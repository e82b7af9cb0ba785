package netmgr

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lanstorm/lanstorm/internal/dhcp6"
	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/ra"
)

// Families are the IP families that clients speak.
type Families string

// The families. Of a dual client IPv6 comes up beside IPv4, if the router offers
// it; nothing about IPv4 waits for it.
const (
	IPv4 Families = "ipv4"
	IPv6 Families = "ipv6"
	Dual Families = "dual"
)

// lan6 is what clients have of IPv6 in common.
type lan6 struct {
	routers *ra.Routers
	watch   *addressWatch // nil while there are no clients
	group   *dhcp6.Group  // likewise
	news    chan struct{} // of routers
	asks    atomic.Int32  // router solicitations of all clients

	mu    sync.Mutex
	life  context.Context // ends when nobody is to follow any more
	end   context.CancelFunc
	byMAC map[[6]byte]*Client
}

// six is what a client has of IPv6.
type six struct {
	mu      sync.Mutex
	addrs   []Address6
	up      time.Time // its link
	asked   time.Time // for a router, first
	asks    int       // router solicitations
	managed time.Time // since when it asks for an address by DHCPv6
	lease   *dhcp6.Lease
	config  dhcp6.Config   // by DHCPv6
	applied *dhcp6.Lease   // what the kernel was given
	granted journal.Lease6 // what the server thinks that it gave out,
	leased  bool           // if it does
	dhcp    *dhcp6.Client
	sender  *sender
	settled bool // it has its first address
	told    int  // changes of its addresses
}

// speaks6 reports whether clients of this manager speak IPv6.
func (m *NetworkManager) speaks6() bool { return m.opts.IPFamily != IPv4 && kernelHasIPv6() }

var kernelHasIPv6 = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
})

// open6 begins to follow the IPv6 of clients, for as long as there are any.
func (m *NetworkManager) open6() (err error) {
	if !m.speaks6() || m.lan6.watch != nil {
		return nil
	}
	m.lan6.routers, m.lan6.group, m.lan6.news = &ra.Routers{}, dhcp6.NewGroup(), make(chan struct{}, 1)
	m.lan6.life, m.lan6.end = context.WithCancel(context.Background())
	m.lan6.asks.Store(0)
	m.lan6.byMAC = map[[6]byte]*Client{}
	if m.lan6.watch, err = watchAddresses(m.readdressed); err == nil {
		m.work.Go(m.advise)
	}
	return err
}

// join6 has the addresses of a client followed. It is called before the client's
// link is up.
func (c *Client) join6() (err error) {
	m := c.m
	if m.lan6.watch == nil {
		return nil
	}
	if c.nsid, err = m.netnsID(c.ns.FD()); err != nil {
		return fmt.Errorf("id of the namespace: %w", err)
	}
	c.six.up = time.Now()
	c.six.dhcp = m.lan6.group.Add(dhcp6.Identity{MAC: c.MAC}, host6{c})
	m.lan6.mu.Lock()
	m.lan6.byMAC[[6]byte(c.MAC)] = c
	m.lan6.mu.Unlock()
	m.lan6.watch.add(c)
	return nil
}

// rest6 has nobody follow the IPv6 of clients any more. What they have can still be
// released.
func (m *NetworkManager) rest6() {
	if m.lan6.life != nil {
		m.lan6.mu.Lock()
		m.lan6.end()
		m.lan6.mu.Unlock()
	}
}

// close6 ends all of it.
func (m *NetworkManager) close6() {
	if m.lan6.watch != nil {
		m.lan6.watch.Close()
		m.lan6.watch = nil
	}
	if m.lan6.group != nil {
		m.lan6.group.Close() // from then on it does nothing
	}
	for _, c := range m.clients {
		c.six.sender.close()
		c.six.sender = nil
	}
}

// mostTold6 is how many changes of its addresses are told of a client: routers may make
// any number of them.
const mostTold6 = 200

// later does something for a client, in the background, until rest6.
func (m *NetworkManager) later(do func(*Client), c *Client) {
	m.lan6.mu.Lock()
	defer m.lan6.mu.Unlock()
	if m.lan6.life == nil || m.lan6.life.Err() != nil {
		return
	}
	m.work.Go(func() {
		m.slots <- struct{}{}
		defer func() { <-m.slots }()
		_ = guard.Do(func() error { do(c); return nil })
	})
}

// heardBy6 is the client with a MAC address; nil: none.
func (m *NetworkManager) heardBy6(mac [6]byte) *Client {
	m.lan6.mu.Lock()
	defer m.lan6.mu.Unlock()
	return m.lan6.byMAC[mac]
}

func (m *NetworkManager) all6() (all []*Client) {
	m.lan6.mu.Lock()
	defer m.lan6.mu.Unlock()
	for _, c := range m.lan6.byMAC {
		all = append(all, c)
	}
	return all
}

// advised takes the news that a router has told something new.
func (m *NetworkManager) advised() {
	select {
	case m.lan6.news <- struct{}{}:
	default: // there is some already
	}
}

// advise makes clients do what routers have told them, until rest6. However fast the
// news comes, it is a few times a second that all of them hear it.
func (m *NetworkManager) advise() {
	const pause = 250 * time.Millisecond
	for {
		select {
		case <-m.lan6.news:
		case <-m.lan6.life.Done():
			return
		}
		managed, other := ra.DHCPv6(m.lan6.routers.List())
		for _, c := range m.all6() {
			c.askDHCPv6(managed, other)
			_ = guard.Do(func() error { c.rename(); return nil })
		}
		_ = packets.Pause(m.lan6.life, pause)
	}
}

// askDHCPv6 has a client ask for what routers say that DHCPv6 has.
func (c *Client) askDHCPv6(managed, other bool) {
	if !managed && !other || !c.LinkLocal().IsValid() {
		return
	}
	c.six.mu.Lock()
	if managed && c.six.managed.IsZero() {
		c.six.managed = time.Now()
	}
	c.six.mu.Unlock()
	c.m.lan6.group.Start(managed, c.six.dhcp)
}

// readdressed is told of the client's addresses by the kernel.
func (m *NetworkManager) readdressed(c *Client, a Address6, there bool) {
	// One that hosts make themselves the kernel takes away with these words, and tries
	// again when the router says so (addrconf_dad_stop in addrconf.c).
	there = there || a.Duplicate
	s := &c.six
	s.mu.Lock()
	i := slices.IndexFunc(s.addrs, func(b Address6) bool { return b.Addr() == a.Addr() })
	var was Address6
	if i >= 0 {
		was = s.addrs[i]
		a.Since = was.Since
		s.addrs = slices.Delete(s.addrs, i, i+1)
	}
	if there {
		s.addrs = append(s.addrs, a)
	}
	leased := s.applied != nil && s.applied.Address == a.Addr()
	first := there && !a.Duplicate && global6(a.Addr()) && !s.settled
	s.settled = s.settled || first
	s.mu.Unlock()
	tell := func(format string, args ...any) {
		if s.told++; s.told <= mostTold6 {
			m.opts.Leases(c.Name, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case !there:
		tell("has %s no more", a)
		return
	case i >= 0 && was.Deprecated == a.Deprecated && was.Duplicate == a.Duplicate:
		return
	case a.Duplicate:
		tell("does not use %s: another host has it (RFC 4862 §5.4)", a)
		if leased {
			m.lan6.group.Conflict(s.dhcp)
		}
		return
	case a.Deprecated:
		tell("uses %s no more for what is new (deprecated)", a)
	case i < 0:
		tell("has %s", a)
	}
	if !global6(a.Addr()) {
		c.askDHCPv6(ra.DHCPv6(m.lan6.routers.List()))
	}
	if first {
		m.later((*Client).come6, c)
	}
}

// come6 is what comes with the first global address.
func (c *Client) come6() {
	c.rename()
	if c.m.opts.IPFamily == IPv6 {
		start := time.Now()
		err := c.withNetlink(c.join)
		c.Timings.Asked, c.Timings.Lease = c.six.up, start.Sub(c.six.up)
		c.Timings.Leased = start
		c.Timings.Configure = time.Since(start) + 1
		c.up.ready(c, err)
	}
}
