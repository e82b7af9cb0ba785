package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lanstorm/lanstorm/internal/dhcp6"
	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/measure"
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

// global6 reports whether an address reaches beyond the link: fc00::/7 counts
// (RFC 4193).
func global6(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() }

// addresses6 are all addresses of the client.
func (c *Client) addresses6() []Address6 {
	c.six.mu.Lock()
	defer c.six.mu.Unlock()
	return slices.Clone(c.six.addrs)
}

// LinkLocal is the client's link-local address, with the index of its link as the
// zone; invalid while there is none.
func (c *Client) LinkLocal() netip.Addr {
	for _, a := range c.addresses6() {
		if a.Addr().IsLinkLocalUnicast() && !a.Duplicate {
			return c.zoned(a.Addr())
		}
	}
	return netip.Addr{}
}

// zoned is a link-local address as the client's kernel takes it. It names the link
// by its index, because package net keeps the names of links of this namespace.
func (c *Client) zoned(a netip.Addr) netip.Addr { return a.WithZone(strconv.Itoa(c.index)) }

// Global6 are the client's global IPv6 addresses that can be used, those for new
// connections first.
func (c *Client) Global6() (usable []Address6) {
	for _, a := range c.addresses6() {
		if global6(a.Addr()) && !a.Duplicate {
			usable = append(usable, a)
		}
	}
	slices.SortStableFunc(usable, func(a, b Address6) int {
		switch {
		case a.Deprecated == b.Deprecated:
			return a.Addr().Compare(b.Addr())
		case a.Deprecated:
			return 1
		}
		return -1
	})
	return usable
}

// ByDHCPv6 is the address that the client has by DHCPv6, and uses; invalid: none.
func (c *Client) ByDHCPv6() netip.Addr {
	c.six.mu.Lock()
	lease := c.six.lease
	c.six.mu.Unlock()
	if lease == nil {
		return netip.Addr{}
	}
	for _, a := range c.Global6() {
		if a.Addr() == lease.Address {
			return lease.Address
		}
	}
	return netip.Addr{}
}

// hasIPv4 and hasIPv6 report whether the client can reach beyond the link by a
// family.
func (c *Client) hasIPv4() bool { return c.HasLease() }

func (c *Client) hasIPv6() bool {
	return slices.ContainsFunc(c.Global6(), func(a Address6) bool { return !a.Deprecated })
}

// Names6 are the name servers that the client was told by IPv6: by advertisements
// (RFC 8106) and by DHCPv6, and likewise its search list.
func (c *Client) Names6() (servers []netip.Addr, search []string) {
	if len(c.Global6()) == 0 {
		return nil, nil
	}
	c.six.mu.Lock()
	config := c.six.config
	c.six.mu.Unlock()
	servers, search = c.m.lan6.routers.Names()
	servers, search = union(servers, config.DNS), union(search, config.Search)
	for i, a := range servers {
		if a.IsLinkLocalUnicast() {
			servers[i] = c.zoned(a)
		}
	}
	return servers, search
}

// union is all of a, and what b has besides.
func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// Router6 is the client's default router: its link-local address.
func (c *Client) Router6() (netip.Addr, error) {
	router, ok := c.m.lan6.routers.Default()
	if !ok {
		return netip.Addr{}, c.noRouter6()
	}
	return c.zoned(router.Addr), nil
}

func (c *Client) noRouter6() error {
	list := c.m.lan6.routers.List()
	if len(list) == 0 {
		return c.Missing6()
	}
	return fmt.Errorf("no default router for IPv6: %s advertises a router lifetime of 0", list[0].Addr)
}

// Patience with IPv6. The kernel waits for a second at most before it asks for a
// router, after it has waited so long and another second for its link-local address
// (RFC 4861 §6.3.7, RFC 4862 §5.4).
const (
	routerTime  = 4 * time.Second  // for an advertisement, after the client has asked, and all together thrice (RFC 4861 §6.3.7)
	askTime     = 20 * time.Second // until a client has asked at all
	addressTime = 20 * time.Second // for an address, after an advertisement
)

// Settled6 reports whether the client has all of IPv6 that it will get: all
// addresses that routers offer, or none in the time that it takes.
func (c *Client) Settled6() bool {
	list := c.routers6()
	c.six.mu.Lock()
	up, asked := c.six.up, c.six.asked
	c.six.mu.Unlock()
	if len(list) == 0 {
		const least = 3
		return !asked.IsZero() && time.Since(asked) > routerTime && c.m.lan6.asks.Load() >= least || time.Since(up) > askTime
	}
	slaac := slices.ContainsFunc(list, ra.Router.SLAAC)
	managed, other := ra.DHCPv6(list)
	patience := time.Since(latest(up, list[0].First))
	switch {
	case slaac && !c.made6(list):
		return patience > addressTime
	case managed && !c.ByDHCPv6().IsValid():
		return c.patience6(patience)
	case other && !managed:
		return !c.six.dhcp.Status().Answered.IsZero() || patience > addressTime
	}
	return true
}

// routers6 are the routers that have advertised themselves since the client's link came
// up: others may be gone.
func (c *Client) routers6() []ra.Router {
	return slices.DeleteFunc(c.m.lan6.routers.List(), func(r ra.Router) bool { return r.Newest.Before(c.six.up) })
}

// patience6 reports whether DHCPv6 has had its time to give the client an address:
// dhcp.timeout to grant it and some more for the kernel, which looks if another host
// has it. patience is the time since it could have begun.
func (c *Client) patience6(patience time.Duration) bool {
	c.six.mu.Lock()
	defer c.six.mu.Unlock()
	switch {
	case !c.six.managed.IsZero() && time.Since(c.six.managed) > c.m.opts.DHCPTimeout+addressTime: // whatever it is given
		return true
	case c.six.lease != nil:
		return time.Since(c.six.lease.Acquired) > addressTime
	case c.six.managed.IsZero():
		return patience > addressTime
	}
	return time.Since(c.six.managed) > c.m.opts.DHCPTimeout
}

// made6 reports whether the client has made an address of a prefix that routers
// advertise for that, or has found that another host has it.
func (c *Client) made6(routers []ra.Router) bool {
	for _, a := range c.addresses6() {
		for _, r := range routers {
			for _, p := range r.Prefixes {
				if p.SLAAC() && p.Contains(a.Addr()) {
					return true
				}
			}
		}
	}
	return false
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Missing6 is why the client has no global IPv6 address.
func (c *Client) Missing6() error {
	switch {
	case !kernelHasIPv6():
		return errors.New("tester: the kernel of this machine has no IPv6")
	case c.m.opts.IPFamily == IPv4:
		return errors.New("tester: clients speak no IPv6: set ip_family to dual or ipv6")
	}
	var rivals []string
	for _, a := range c.addresses6() {
		if a.Duplicate {
			rivals = append(rivals, a.Addr().String())
		}
	}
	c.six.mu.Lock()
	asks, asked := c.six.asks, c.six.asked
	c.six.mu.Unlock()
	list := c.routers6()
	managed, _ := ra.DHCPv6(list)
	i := slices.IndexFunc(list, ra.Router.SLAAC)
	usable := c.Global6()
	switch {
	case len(usable) > 0 && usable[0].Deprecated:
		return fmt.Errorf("it has %s, which is deprecated (RFC 4862 §5.5.4)", usable[0])
	case rivals != nil:
		return fmt.Errorf("another host has %s (duplicate address detection, RFC 4862 §5.4)", strings.Join(rivals, " and "))
	case len(list) == 0 && asks == 0:
		return errors.New("tester: it has not asked for a router yet")
	case len(list) == 0:
		return fmt.Errorf("no router advertisement in %s (%s sent)", time.Since(asked).Round(100*time.Millisecond), measure.Times(asks, "router solicitation"))
	case managed:
		if why := c.six.dhcp.Status().Missing; why != nil {
			return fmt.Errorf("DHCPv6: %w", why)
		}
		return errors.New("it has an address by DHCPv6, and its kernel has not found yet that no other host has it")
	case i < 0:
		return fmt.Errorf("%s advertises no prefix for addresses (flag A, /64), and no DHCPv6 for them (flag M)", list[0].Addr)
	}
	p := list[i].Prefixes[slices.IndexFunc(list[i].Prefixes, ra.Prefix.SLAAC)]
	return fmt.Errorf("no address of %s in %s, though %s advertises it", p.Prefix,
		time.Since(latest(c.six.up, list[i].First)).Round(100*time.Millisecond), list[i].Addr)
}

// After6 is how long after its link came up the client could use an address.
func (c *Client) After6(a Address6) time.Duration { return a.Since.Sub(c.six.up) }
