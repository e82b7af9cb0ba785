package netmgr

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Invalid are the clients that have no valid address of the router's: as
// dhcp4.Lease.Check says it and, if router is the zero Addr, as most clients have
// it: from the same server, of the same subnet, with a gateway that answers ARP.
func (m *NetworkManager) Invalid(ctx context.Context, router netip.Addr) (problems []Problem, err error) {
	most, alive, err := m.usual(ctx, router)
	for _, c := range m.clients {
		l := c.Lease()
		reason := l.Check(router)
		switch {
		case !l.Address.IsValid():
			reason = c.Missing()
		case reason != nil || router.IsValid():
		case l.Address.Masked() != most.subnet:
			reason = fmt.Errorf("%s from %s is not of %s, as others are", l.Address.Addr(), l.Server, most.subnet)
		case l.Server != most.server:
			reason = fmt.Errorf("the lease is from %s, and others are from %s", l.Server, most.server)
		case !alive[l.Gateway]:
			reason = fmt.Errorf("the gateway %s does not answer ARP", l.Gateway)
		}
		if reason != nil {
			problems = append(problems, c.Problem(reason))
		}
	}
	return problems, err
}

// origin is where a lease comes from.
type origin struct {
	server netip.Addr
	subnet netip.Prefix
}

// usual is the origin of most leases, and which of the gateways answer ARP. Of two
// with as many leases that counts whose gateway does.
func (m *NetworkManager) usual(ctx context.Context, router netip.Addr) (most origin, alive map[netip.Addr]bool, err error) {
	if router.IsValid() {
		return most, nil, nil
	}
	type group struct {
		origin
		leases  int
		gateway netip.Addr
	}
	var groups []*group
	var questions []question
	for _, c := range m.With() {
		l := c.Lease()
		o := origin{l.Server, l.Address.Masked()}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.origin == o })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{origin: o, gateway: l.Gateway})
		}
		groups[i].leases++
		if q := (question{c, l.Gateway}); l.Gateway.IsValid() && !slices.ContainsFunc(questions, func(p question) bool { return p.addr == q.addr }) {
			questions = append(questions, q)
		}
	}
	if len(groups) == 0 {
		return most, nil, nil
	}
	owners, err := m.whoHas(ctx, questions, true)
	alive = map[netip.Addr]bool{}
	for gateway, macs := range owners {
		alive[gateway] = len(macs) > 0
	}
	rank := func(g *group) int {
		if alive[g.gateway] {
			return 2*g.leases + 1
		}
		return 2 * g.leases
	}
	first := slices.MaxFunc(groups, func(a, b *group) int { return cmp.Compare(rank(a), rank(b)) })
	return first.origin, alive, err
}
