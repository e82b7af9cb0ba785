// Package ra is what hosts learn of the routers of a link by their
// advertisements (RFC 4861, RFC 4191, RFC 8106), and what those do against the
// standards. Addresses, routes and the MTU are the kernel's to set; it is told of
// the rest by nobody else.
package ra

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// Router is a router as its newest advertisement shows it.
type Router struct {
	Addr     netip.Addr    // link-local
	MAC      string        // of the frame
	Lifetime time.Duration // as a default router; 0: it is none
	Managed  bool          // addresses are to be had by DHCPv6
	Other    bool          // name servers and the like are
	MTU      int           // 0: not told
	Prefixes []Prefix
	DNS      []netip.Addr // whose lifetime is above 0 (RFC 8106)
	Search   []string
	First    time.Time // heard
	Newest   time.Time

	dnsFor    time.Duration // the least lifetime of a name server or domain
	multicast []time.Time   // when the newest advertisements to all hosts came, oldest first
}

// Prefix is one that a router advertises (RFC 4861 §4.6.2).
type Prefix struct {
	netip.Prefix
	OnLink, Autonomous bool // hosts make addresses of it by themselves (RFC 4862)
	Valid, Preferred   time.Duration
}

// SLAAC reports whether hosts make an address of the prefix (RFC 4862 §5.5.3).
func (p Prefix) SLAAC() bool { return p.Autonomous && p.Bits() == 64 && p.Valid > 0 }

// Routers are all routers of a link. The zero value is ready for use, from many
// goroutines.
type Routers struct {
	mu      sync.Mutex
	all     map[netip.Addr]*Router
	remarks remark.List
}

// Somebody may send advertisements of any number of routers, prefixes and servers.
const (
	mostRouters = 16
	mostOptions = 32 // of a kind, in one advertisement
)

// Hear takes an ICMPv6 message with an advertisement. changed: hosts learn something
// new by it.
func (r *Routers) Hear(router netip.Addr, mac net.HardwareAddr, multicast bool, msg []byte) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	ra, odd, ok := parse(msg)
	if !ok {
		r.remarks.Add("an advertisement that cannot be read", "4861 §6.1.2", "from %s", router)
		return false
	}
	for _, code := range odd {
		r.remarks.Add(fmt.Sprintf("an advertisement with an option that cannot be read (option %d)", code), "4861 §4.2", "from %s", router)
	}
	was := r.all[router]
	if was == nil && len(r.all) == mostRouters {
		r.remarks.Add(fmt.Sprintf("advertisements of more than %d routers", mostRouters), "", "the newest is %s (MAC %s)", router, mac)
		return false
	}
	next := read(ra)
	next.Addr, next.MAC, next.Newest, next.First = router, mac.String(), now, now
	if was != nil {
		next.First, next.multicast = was.First, was.multicast
	}
	if multicast {
		r.pace(next, now)
	}
	r.judge(next, ra)
	if r.all == nil {
		r.all = map[netip.Addr]*Router{}
	}
	r.all[router] = next
	return was == nil || !was.same(next)
}

// parse reads an advertisement. Options that make no sense by themselves are odd, and
// passed over, as hosts do; hosts drop it for one that is empty or does not fit (RFC
// 4861 §6.1.2).
func parse(msg []byte) (ra *ndp.RouterAdvertisement, odd []byte, ok bool) {
	const header = 16
	if len(msg) < header {
		return nil, nil, false
	}
	for rest := msg[header:]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] == 0 || 8*int(rest[1]) > len(rest) {
			return nil, nil, false
		}
		var option []byte
		option, rest = rest[:8*int(rest[1])], rest[8*int(rest[1]):]
		parsed, err := ndp.ParseMessage(slices.Concat(msg[:header], option))
		one, is := parsed.(*ndp.RouterAdvertisement)
		switch {
		case err != nil || !is:
			odd = append(odd, option[0])
		case ra == nil:
			ra = one
		default:
			ra.Options = append(ra.Options, one.Options...)
		}
	}
	if ra == nil { // no option that can be read
		parsed, _ := ndp.ParseMessage(msg[:header])
		ra, _ = parsed.(*ndp.RouterAdvertisement)
	}
	return ra, odd, ra != nil
}

// Refused takes the news of an advertisement that hosts drop.
func (r *Routers) Refused(router netip.Addr, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remarks.Add("an advertisement that hosts drop", "4861 §6.1.2", "from %s: %s", router, why)
}

func read(ra *ndp.RouterAdvertisement) *Router {
	n := &Router{Lifetime: ra.RouterLifetime, Managed: ra.ManagedConfiguration, Other: ra.OtherConfiguration}
	for _, o := range ra.Options {
		switch o := o.(type) {
		case *ndp.PrefixInformation:
			p := Prefix{netip.PrefixFrom(o.Prefix, int(o.PrefixLength)), o.OnLink, o.AutonomousAddressConfiguration, o.ValidLifetime, o.PreferredLifetime}
			if p.IsValid() && !p.Addr().IsLinkLocalUnicast() && len(n.Prefixes) < mostOptions {
				n.Prefixes = append(n.Prefixes, p)
			}
		case *ndp.MTU:
			n.MTU = int(o.MTU)
		case *ndp.RecursiveDNSServer:
			for _, a := range o.Servers {
				if o.Lifetime > 0 && !a.IsMulticast() && !a.IsUnspecified() && len(n.DNS) < mostOptions {
					n.DNS = append(n.DNS, a)
					n.names(o.Lifetime)
				}
			}
		case *ndp.DNSSearchList:
			for _, name := range o.DomainNames {
				if name = dhcp4.DomainName(name); name != "" && o.Lifetime > 0 && len(n.Search) < mostOptions {
					n.Search = append(n.Search, name)
					n.names(o.Lifetime)
				}
			}
		}
	}
	return n
}

func (n *Router) names(lifetime time.Duration) {
	if n.dnsFor == 0 || lifetime < n.dnsFor {
		n.dnsFor = lifetime
	}
}

// same reports whether hosts learn the same of both.
func (n *Router) same(o *Router) bool {
	return (n.Lifetime > 0) == (o.Lifetime > 0) && n.Managed == o.Managed && n.Other == o.Other && n.MTU == o.MTU &&
		slices.Equal(n.Prefixes, o.Prefixes) && slices.Equal(n.DNS, o.DNS) && slices.Equal(n.Search, o.Search)
}

// List are the routers, those that are default routers first, in the order in which
// they were heard first.
func (r *Routers) List() (list []Router) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.all {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Router) int {
		return cmp.Or(cmp.Compare(min(b.Lifetime, 1), min(a.Lifetime, 1)), a.First.Compare(b.First))
	})
	return list
}

// Default is the router that hosts send to what is for other networks.
func (r *Routers) Default() (router Router, ok bool) {
	for _, n := range r.List() {
		if time.Since(n.Newest) < n.Lifetime {
			return n, true
		}
	}
	return router, false
}

// DHCPv6 reports whether routers say that it has addresses, or at least something.
func DHCPv6(routers []Router) (managed, other bool) {
	for _, n := range routers {
		managed, other = managed || n.Managed, other || n.Managed || n.Other
	}
	return managed, other
}

// SLAAC reports whether hosts make addresses by themselves.
func (n Router) SLAAC() bool { return slices.ContainsFunc(n.Prefixes, Prefix.SLAAC) }

// Names are the name servers and the search lists of all routers, as often as they say so.
func (r *Routers) Names() (servers []netip.Addr, search []string) {
	for _, n := range r.List() {
		if time.Since(n.Newest) < n.dnsFor {
			servers, search = append(servers, n.DNS...), append(search, n.Search...)
		}
	}
	return servers, search
}

func (n Router) String() string {
	var flags []string
	for _, f := range []struct {
		set  bool
		text string
	}{{n.Managed, "M"}, {n.Other, "O"}} {
		if f.set {
			flags = append(flags, f.text)
		}
	}
	text := fmt.Sprintf("%s (MAC %s), lifetime %s", n.Addr, n.MAC, n.Lifetime)
	if flags != nil {
		text += ", flags " + strings.Join(flags, " ")
	}
	for _, p := range n.Prefixes {
		text += fmt.Sprintf(", %s for %s, preferred %s", p.Prefix, lasting(p.Valid), lasting(p.Preferred))
	}
	return text
}

// lasting is a lifetime as people read it (RFC 4861 §4.6.2).
func lasting(d time.Duration) string {
	if d == ndp.Infinity {
		return "infinity"
	}
	return d.String()
}
