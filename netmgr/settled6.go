package netmgr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/ra"
)

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
