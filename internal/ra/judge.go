package ra

import (
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/lanstorm/lanstorm/internal/remark"
)

// LeastGap is what must lie between two advertisements to all hosts (RFC 4861 §10,
// MIN_DELAY_BETWEEN_RAS).
const LeastGap = 3 * time.Second

// How often routers may advertise themselves, and for how long.
const (
	flood         = 20                 // of them in a second are no mistake in counting
	mostPreferred = 2700 * time.Second // RFC 9096 §3.4, of router and prefix
	mostValid     = 5400 * time.Second

	blur = 500 * time.Millisecond // of a busy tester: it must not accuse a router that keeps to LeastGap
)

// judge remarks on what an advertisement has against the standards.
func (r *Routers) judge(n *Router, ra *ndp.RouterAdvertisement) {
	source := slices.ContainsFunc(ra.Options, func(o ndp.Option) bool {
		l, ok := o.(*ndp.LinkLayerAddress)
		return ok && l.Direction == ndp.Source
	})
	if !source {
		r.remarks.Add("an advertisement without the router's MAC address (source link-layer address)", "4861 §6.2.3", "%s", n.Addr)
	}
	if n.Lifetime > mostPreferred {
		r.remarks.Add("a router lifetime beyond 45 minutes", "9096 §3.4", "%s of %s", n.Lifetime, n.Addr)
	}
	for _, p := range n.Prefixes {
		switch {
		case p.Preferred > p.Valid:
			r.remarks.Add("a prefix that is preferred longer than it is valid", "4861 §4.6.2", "%s: preferred %s, valid %s", p.Prefix, lasting(p.Preferred), lasting(p.Valid))
		case p.Preferred > mostPreferred || p.Valid > mostValid:
			r.remarks.Add("a prefix preferred beyond 45 minutes, or valid beyond 90", "9096 §3.4", "%s: preferred %s, valid %s", p.Prefix, lasting(p.Preferred), lasting(p.Valid))
		}
		if p.Autonomous && p.Bits() != 64 {
			r.remarks.Add("a prefix of which hosts are to make addresses, and which is not a /64", "4862 §5.5.3", "%s", p.Prefix)
		}
	}
	if n.MTU != 0 && n.MTU < 1280 {
		r.remarks.Add("an MTU below 1280", "8200 §5", "%d by %s", n.MTU, n.Addr)
	}
	if gap := n.gap(); n.dnsFor > 0 && n.dnsFor < 3*gap-blur {
		r.remarks.Add("name servers for less than three times the time between two advertisements", "8106 §5.1",
			"for %s, and %s between two", n.dnsFor, gap.Round(time.Second/10))
	}
	if n.Lifetime > 0 {
		for addr, other := range r.all {
			if addr != n.Addr && other.Lifetime > 0 && time.Since(other.Newest) < other.Lifetime {
				r.remarks.Add("two default routers", "", "%s (MAC %s) and %s (MAC %s)", other.Addr, other.MAC, n.Addr, n.MAC)
			}
		}
	}
}

// gap is how far apart advertisements to all hosts usually are, which is no more than
// MaxRtrAdvInterval: solicited ones come between. 0: too few were heard. One may be
// lost, and a router may be away for a while, so it is the middle of all gaps.
func (n *Router) gap() time.Duration {
	const least = 4
	if len(n.multicast) < least {
		return 0
	}
	var gaps []time.Duration
	for i, t := range n.multicast[1:] {
		gaps = append(gaps, t.Sub(n.multicast[i]))
	}
	slices.Sort(gaps)
	return gaps[(len(gaps)-1)/2]
}

// pace notes when advertisements to all hosts come.
func (r *Routers) pace(n *Router, now time.Time) {
	const kept = flood
	if last := len(n.multicast) - 1; last >= 0 {
		gap := now.Sub(n.multicast[last])
		if gap < LeastGap-blur {
			r.remarks.Add("advertisements to all hosts more often than each 3 seconds", "4861 §6.2.6", "%s after the one before, by %s", gap.Round(10*time.Millisecond), n.Addr)
		}
	}
	n.multicast = append(n.multicast, now)
	if len(n.multicast) > kept {
		n.multicast = n.multicast[1:]
		if took := now.Sub(n.multicast[0]); took < time.Second {
			r.remarks.Add("a flood of advertisements", "", "%d within %s by %s", kept, took.Round(time.Millisecond), n.Addr)
		}
	}
}

// Remarks are all there are.
func (r *Routers) Remarks() []remark.Remark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.remarks)
}
