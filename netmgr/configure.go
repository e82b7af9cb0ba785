package netmgr

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// apply makes the kernel and resolv.conf say what the client's lease says. It
// may be called at any time: whatever happened meanwhile, the newest counts.
func (c *Client) apply() error {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.settling.Store(false)
	want, have := c.lease(), c.applied.Load()
	if want == have {
		return nil
	}
	start := time.Now()
	return c.withNetlink(func() error { return c.follow(want, have, start) })
}

// withNetlink opens nl for as long as do lasts, if it is not open. The caller holds
// applying.
func (c *Client) withNetlink(do func() error) error {
	if c.nl == nil { // the client stands for some time
		nl, err := c.ns.Netlink()
		if err != nil {
			return err
		}
		c.nl = nl
		defer func() { c.nl.Close(); c.nl = nil }()
	}
	return do()
}

// follow takes the kernel from what it has to what it is to have.
func (c *Client) follow(want, have *Lease, start time.Time) error {
	if have != nil && (want == nil || want.Address != have.Address) {
		// The kernel may have been first: it minds lifetimes, too. Routes go along.
		err := c.nl.AddrDel(device(c.index), &netlink.Addr{IPNet: ipNet(have.Address)})
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("address %s: %w", have.Address, err)
		}
		have = nil
		c.applied.Store(nil)
		c.settled = false
	}
	if want == nil {
		return nil
	}
	if err := c.setAddress(*want); err != nil {
		return err
	}
	c.applied.Store(want)
	if have != nil && c.settled && have.Same(*want) && !lapsed(*have, start) { // a renewal
		return nil
	}
	c.settled = false
	if err := c.configure(*want); err != nil {
		return err
	}
	if err := c.join(); err != nil {
		return err
	}
	c.settled = true
	if c.Timings.Configure == 0 {
		c.Timings.Check = start.Sub(want.Acquired)
		c.Timings.Configure = time.Since(start)
	}
	return nil
}

// lapsed reports whether the kernel may have taken the address away by itself,
// and with it the routes. It does so some milliseconds early (check_lifetime in
// devinet.c).
func lapsed(l Lease, now time.Time) bool {
	const early = 100 * time.Millisecond
	end := l.End()
	return !end.IsZero() && end.Sub(now) < early
}

// setAddress gives the kernel an address for as long as the lease is: should
// this process be killed, nobody squats.
func (c *Client) setAddress(l Lease) error {
	addr := &netlink.Addr{IPNet: ipNet(l.Address)}
	if end := l.End(); !end.IsZero() {
		addr.ValidLft = secondsUntil(end)
		addr.PreferedLft = addr.ValidLft
	}
	if err := c.nl.AddrReplace(device(c.index), addr); err != nil {
		return fmt.Errorf("address %s: %w", l.Address, err)
	}
	return nil
}

// secondsUntil is what is left of a lifetime, as the kernel takes it: 0 would be
// without end.
func secondsUntil(end time.Time) int { return max(1, int(math.Ceil(time.Until(end).Seconds()))) }

// configure is what comes with a new address.
func (c *Client) configure(l Lease) error {
	if l.MTU > 0 && l.MTU < c.m.parent.MTU { // a macvlan cannot exceed its parent
		if err := c.nl.LinkSetMTU(device(c.index), l.MTU); err != nil {
			return fmt.Errorf("mtu %d: %w", l.MTU, err)
		}
	}
	routes, err := kernelRoutes(l, c.index)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if err := c.nl.RouteReplace(&r); err != nil {
			return fmt.Errorf("route to %s via %s: %w", r.Dst, r.Gw, err)
		}
	}
	if err := c.askForNeighbours(l, l.Gateway, l.Server); err != nil {
		return err
	}
	return c.writeResolvConf()
}

// askForNeighbours has the kernel ask by ARP for hosts that the client will soon speak to,
// and does not wait for the answer. Now the question reaches only them: later,
// when macvlans pass broadcasts on to one another, n clients that ask at the
// same time make n² packets.
func (c *Client) askForNeighbours(l Lease, hosts ...netip.Addr) error {
	for i, a := range hosts {
		if !a.IsValid() || !l.Address.Contains(a) || slices.Contains(hosts[:i], a) {
			continue
		}
		err := c.nl.NeighSet(&netlink.Neigh{LinkIndex: c.index, IP: a.AsSlice(), Flags: netlink.NTF_USE})
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // the neighbour table is full, as health will tell
			return fmt.Errorf("ask for %s by ARP: %w", a, err)
		}
	}
	return nil
}

// kernelRoutes puts the lease's routes into an order in which the kernel takes
// them: those over the link first, for they may lead to the gateways of the
// others (RFC 3442).
func kernelRoutes(l Lease, index int) ([]netlink.Route, error) {
	onLink := []netip.Prefix{l.Address.Masked()}
	var direct, indirect []netlink.Route
	for _, r := range l.Routes {
		if !r.Gateway.IsValid() {
			onLink = append(onLink, r.To)
			direct = append(direct, netlink.Route{LinkIndex: index, Dst: ipNet(r.To), Scope: netlink.SCOPE_LINK})
		}
	}
	for _, r := range l.Routes {
		if !r.Gateway.IsValid() {
			continue
		}
		route := netlink.Route{LinkIndex: index, Dst: ipNet(r.To), Gw: r.Gateway.AsSlice()}
		switch {
		case contains(onLink, r.Gateway):
		case l.Address.IsSingleIP(): // a point-to-point subnet: its gateway is always outside
			route.Flags = int(netlink.FLAG_ONLINK)
		default:
			return nil, fmt.Errorf("gateway %s is outside %s and no route of the lease leads to it", r.Gateway, l.Address.Masked())
		}
		indirect = append(indirect, route)
	}
	return append(direct, indirect...), nil
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// single is one address as a network.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// nameServers are those of the lease and then those that IPv6 has told, unless the
// manager's options name others.
func (c *Client) nameServers() []netip.Addr {
	if len(c.m.opts.DNS) > 0 {
		return slices.Clone(c.m.opts.DNS)
	}
	servers, _ := c.Names6()
	return append(slices.Clone(c.Lease().DNS), servers...)
}

// search is the client's search list, likewise.
func (c *Client) search() []string {
	_, more := c.Names6()
	return union(c.Lease().Search, more)
}

// rename has resolv.conf say what the client knows of name servers now.
func (c *Client) rename() {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.renameLocked()
}

func (c *Client) renameLocked() {
	if c.ns == nil || !c.hasEtc() && len(c.Global6()) == 0 {
		return
	}
	if err := c.writeResolvConf(); err != nil {
		c.m.opts.Leases(c.Name, "tester: "+err.Error())
	}
}
