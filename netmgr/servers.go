package netmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// server is a DHCP server that clients have heard.
type server struct {
	Server      // as the first client heard it
	offered int // to so many clients
	took    int // so many have their lease from it
}

// servers are all of them. The router's comes first: of those whose gateway answers
// ARP that from which most clients have their lease. owners are the MAC addresses
// of the hosts that answered, for these gateways, those of leases and others.
func (m *NetworkManager) servers(ctx context.Context, others ...netip.Addr) (all []server, owners map[netip.Addr][]string, err error) {
	for _, c := range m.clients {
		l := c.Lease()
		others = append(others, l.Gateway)
		for _, s := range c.Status().Servers {
			i := slices.IndexFunc(all, func(known server) bool { return known.Addr == s.Addr && known.MAC == s.MAC })
			if i < 0 {
				i = len(all)
				all = append(all, server{Server: s})
			}
			all[i].Gateway = cmp.Or(all[i].Gateway, s.Gateway)
			others = append(others, s.Gateway)
			if s.Offers > 0 {
				all[i].offered++
			}
			if s.Addr == l.Server {
				all[i].took++
			}
		}
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	var questions []question
	for _, addr := range others {
		if q := (question{m.clients[0], addr}); addr.IsValid() && !slices.Contains(questions, q) {
			questions = append(questions, q)
		}
	}
	owners, err = m.whoHas(ctx, questions, true)
	slices.SortStableFunc(all, func(a, b server) int {
		return cmp.Or(cmp.Compare(min(len(owners[b.Gateway]), 1), min(len(owners[a.Gateway]), 1)), cmp.Compare(b.took, a.took))
	})
	return all, owners, err
}

// RogueServers says of each DHCP server that is not the router who it is, and whom it
// served. The router is the host at this address or, if none is given, the gateway
// of the first of servers. It must answer ARP. The error says when no server was
// heard.
func (m *NetworkManager) RogueServers(ctx context.Context, router netip.Addr) (lines []string, err error) {
	all, owners, err := m.servers(ctx, router)
	if err == nil && len(all) == 0 {
		err = errors.New("no client has heard a DHCP server")
	}
	if err != nil {
		return nil, err
	}
	who := fmt.Sprintf("the router %s does not answer ARP", router)
	if !router.IsValid() {
		router = all[0].Gateway
		who = "no gateway answers ARP, so nobody is the router"
	}
	macs := owners[router]
	if macs != nil {
		who = fmt.Sprintf("the router is %s (MAC %s)", router, strings.Join(macs, " and "))
	}
	for _, s := range all {
		if macs != nil && s.Addr == router || slices.Contains(macs, s.MAC) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s offered addresses to %d of %d clients, %d have one from it; %s",
			s, s.offered, len(m.clients), s.took, who))
	}
	return lines, nil
}

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
