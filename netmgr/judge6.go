package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/ra"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// Await6 waits until all clients have of IPv6 what they will get: see Settled6.
func (m *NetworkManager) Await6(ctx context.Context) error {
	if !m.speaks6() {
		return nil
	}
	const long = time.Hour // Settled6 knows when to give up
	return Await(ctx, time.Now().Add(long), m.clients, func(c *Client) bool { return c.Settled6() || m.parentGone() })
}

// Without6 are the clients that have no global IPv6 address for new connections,
// once Await6 is over.
func (m *NetworkManager) Without6() (problems []Problem) {
	for _, c := range m.clients {
		if !c.hasIPv6() {
			problems = append(problems, c.Problem(c.Missing6()))
		}
	}
	return problems
}

// WithoutDHCPv6 are those that have no address by DHCPv6.
func (m *NetworkManager) WithoutDHCPv6() (problems []Problem) {
	list := m.lan6.routers.List()
	managed, _ := ra.DHCPv6(list)
	for _, c := range m.clients {
		switch {
		case c.ByDHCPv6().IsValid():
		case len(list) == 0 || managed:
			problems = append(problems, c.Problem(c.Missing6()))
		default:
			problems = append(problems, c.Problem(fmt.Errorf("%s says that there is no DHCPv6 for addresses (flag M is not set)", list[0].Addr)))
		}
	}
	return problems
}

// WithoutNames6 are those that were told no name server by IPv6.
func (m *NetworkManager) WithoutNames6() (problems []Problem) {
	for _, c := range m.clients {
		servers, _ := c.Names6()
		switch list := m.lan6.routers.List(); {
		case len(servers) > 0:
		case len(c.Global6()) == 0:
			problems = append(problems, c.Problem(c.Missing6()))
		default:
			problems = append(problems, c.Problem(fmt.Errorf("%s names no DNS server (RDNSS, RFC 8106), nor does DHCPv6", list[0].Addr)))
		}
	}
	return problems
}

// Duplicates6 are the clients whose IPv6 address an earlier client has as well, or
// that found another host to have it.
func (m *NetworkManager) Duplicates6() (problems []Problem) {
	owner := map[netip.Addr]*Client{}
	for _, c := range m.clients {
		for _, a := range c.addresses6() {
			switch first := owner[a.Addr()]; {
			case a.Duplicate:
				problems = append(problems, c.Problem(fmt.Errorf("another host has %s (duplicate address detection, RFC 4862 §5.4)", a.Addr())))
			case first != nil:
				problems = append(problems, c.Problem(fmt.Errorf("has %s, which is %s's too", a.Addr(), first.Name)))
			default:
				owner[a.Addr()] = c
			}
		}
	}
	return problems
}

// SameInterface are the clients that have the interface identifier of an earlier
// one: the lower half of an address (RFC 4291 §2.5.1).
func (m *NetworkManager) SameInterface() (problems []Problem) {
	owner := map[[8]byte]*Client{}
	for _, c := range m.clients {
		for _, a := range c.addresses6() {
			id := [8]byte(a.Addr().AsSlice()[8:])
			if first := owner[id]; first != nil && first != c {
				problems = append(problems, c.Problem(fmt.Errorf("%s has the interface identifier of %s's", a.Addr(), first.Name)))
				continue
			}
			owner[id] = c
		}
	}
	return problems
}

// Unreachable6 are the clients whose global IPv6 address does not work on the LAN:
// another client gets no reply from it, or the router does not answer the client's
// neighbour solicitations.
func (m *NetworkManager) Unreachable6(ctx context.Context, p Ping) []Problem {
	problems := m.Without6()
	if problems != nil {
		return problems
	}
	return m.unreachable(ctx, p, Router6, func(c *Client) (netip.Addr, error) { return m.after(c).Global6()[0].Addr(), nil })
}

// Router6 is each client's default router for IPv6.
func Router6(c *Client) (netip.Addr, error) { return c.Router6() }

// Host6 is the same target for every client that has IPv6.
func Host6(addr netip.Addr) Target {
	return func(c *Client) (netip.Addr, error) {
		if !c.hasIPv6() {
			return netip.Addr{}, c.Missing6()
		}
		return addr, nil
	}
}

// Stale6 are the clients that still use, for new connections, an address of a prefix
// that no router has advertised since a time (RFC 9096 §3.5). It waits until a
// router has advertised itself since, and then for what clients make of it, until
// end. The error says when no router did.
func (m *NetworkManager) Stale6(ctx context.Context, since, end time.Time) (problems []Problem, err error) {
	for {
		var heard bool
		var prefixes []netip.Prefix
		for _, r := range m.lan6.routers.List() {
			if r.Newest.After(since) {
				heard = true
				for _, p := range r.Prefixes {
					prefixes = append(prefixes, p.Prefix)
				}
			}
		}
		problems = nil
		for _, c := range m.clients {
			for _, a := range c.Global6() {
				if !a.Deprecated && !contains(prefixes, a.Addr()) {
					problems = append(problems, c.Problem(fmt.Errorf("%s is not deprecated, and no router advertises its prefix since (RFC 9096 §3.5)", a)))
				}
			}
		}
		switch {
		case heard && len(problems) == 0:
			return nil, nil
		case time.Now().Before(end):
		case !heard:
			return nil, errors.New("no router has advertised itself since")
		default:
			return problems, nil
		}
		if err := packets.Pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Routers6 are the routers that were heard.
func (m *NetworkManager) Routers6() []ra.Router { return m.lan6.routers.List() }

// Remarks6 are what routers and DHCPv6 servers do against the standards.
func (m *NetworkManager) Remarks6() (all []Remark) {
	for _, r := range m.lan6.routers.Remarks() {
		all = append(all, Remark{nil, r})
	}
	asked, heard := 0, 0
	for _, c := range m.clients {
		if c.six.dhcp == nil {
			continue
		}
		s := c.six.dhcp.Status()
		for _, r := range s.Remarks {
			all = append(all, Remark{c, r})
		}
		if s.Sent >= 3 {
			asked++
		}
		if s.Heard {
			heard++
		}
	}
	if asked > 0 && heard == 0 {
		all = append(all, Remark{nil, remark.Remark{
			What: "flags that promise DHCPv6, and no server that answers", RFC: "4861 §4.2",
			Detail: fmt.Sprintf("%d clients have asked 3 times and more", asked),
		}})
	}
	return all
}
