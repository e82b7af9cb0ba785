package netmgr

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Invalid are the clients that have no valid address of the router's: as
// dhcp4.Lease.Check says it and, if router is the zero Addr, as it is of the first
// of servers that gave leases: from the same server, of the subnet that most of its
// leases are of, with a gateway that answers ARP.
func (m *NetworkManager) Invalid(ctx context.Context, router netip.Addr) (problems []Problem, err error) {
	var usual server
	var owners map[netip.Addr][]string
	if !router.IsValid() {
		var all []server
		all, owners, err = m.servers(ctx)
		if i := slices.IndexFunc(all, func(s server) bool { return s.took > 0 }); i >= 0 {
			usual = all[i]
		}
	}
	subnet := m.mostSubnet(func(l Lease) bool { return l.Server == usual.Addr })
	for _, c := range m.clients {
		l := c.Lease()
		reason := l.Check(router)
		switch {
		case !l.Address.IsValid():
			reason = c.Missing()
		case reason != nil || router.IsValid():
		case l.Address.Masked() != subnet:
			reason = fmt.Errorf("%s from %s is not of %s, as others are", l.Address.Addr(), l.Server, subnet)
		case l.Server != usual.Addr:
			reason = fmt.Errorf("the lease is from %s, and others are from %s", l.Server, usual.Addr)
		case len(owners[l.Gateway]) == 0:
			reason = fmt.Errorf("the gateway %s does not answer ARP", l.Gateway)
		}
		if reason != nil {
			problems = append(problems, c.Problem(reason))
		}
	}
	return problems, err
}

// mostSubnet is that of most leases that count.
func (m *NetworkManager) mostSubnet(counts func(Lease) bool) (most netip.Prefix) {
	subnets := map[netip.Prefix]int{}
	for _, c := range m.With() {
		if l := c.Lease(); counts(l) {
			subnet := l.Address.Masked()
			if subnets[subnet]++; subnets[subnet] > subnets[most] {
				most = subnet
			}
		}
	}
	return most
}
