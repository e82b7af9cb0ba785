package netmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// server is a DHCP server that clients have heard.
type server struct {
	addr    netip.Addr
	mac     string
	gateway netip.Addr // that it names
	offered int        // to so many clients
	took    int        // so many have their lease from it
}

func (s server) String() string { return fmt.Sprintf("%s (MAC %s)", s.addr, s.mac) }

// servers are all of them, those first from which most clients have their lease.
func (m *NetworkManager) servers() (all []server) {
	for _, c := range m.clients {
		from := c.Lease().Server
		for _, s := range c.Story().Servers {
			i := slices.IndexFunc(all, func(known server) bool { return known.addr == s.Addr && known.mac == s.MAC })
			if i < 0 {
				i = len(all)
				all = append(all, server{addr: s.Addr, mac: s.MAC})
			}
			all[i].gateway = cmp.Or(all[i].gateway, s.Gateway)
			if s.Offers > 0 {
				all[i].offered++
			}
			if s.Addr == from {
				all[i].took++
			}
		}
	}
	slices.SortStableFunc(all, func(a, b server) int { return cmp.Compare(b.took, a.took) })
	return all
}

// Intruders says of each DHCP server that is not the router who it is, and whom it
// served. The router is the host at this address; if none is given, the gateway of
// most leases. It must answer ARP.
// The error says when no server was heard.
func (m *NetworkManager) Intruders(ctx context.Context, router netip.Addr) (lines []string, err error) {
	all := m.servers()
	if len(all) == 0 {
		return nil, errors.New("no client has heard a DHCP server")
	}
	candidates := []netip.Addr{router}
	if !router.IsValid() {
		candidates = nil
		for _, s := range all {
			if s.gateway.IsValid() && !slices.Contains(candidates, s.gateway) {
				candidates = append(candidates, s.gateway)
			}
		}
	}
	questions := make([]question, len(candidates))
	for i, a := range candidates {
		questions[i] = question{m.clients[0], a}
	}
	owners, err := m.whoHas(ctx, questions, true)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(candidates, func(a netip.Addr) bool { return len(owners[a]) > 0 })
	who := "no gateway answers ARP, so nobody is the router"
	if i >= 0 {
		router = candidates[i]
		who = fmt.Sprintf("the router is %s (MAC %s)", router, strings.Join(owners[router], " and "))
	} else if router.IsValid() {
		who = fmt.Sprintf("the router %s does not answer ARP", router)
	}
	for _, s := range all {
		if i >= 0 && (s.addr == router || slices.Contains(owners[router], s.mac)) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s offered addresses to %d of %d clients, %d have one from it; %s",
			s, s.offered, len(m.clients), s.took, who))
	}
	return lines, nil
}

// Rivals are the clients whose address another host of the LAN has, too, as it
// says by ARP (RFC 5227).
func (m *NetworkManager) Rivals(ctx context.Context) (problems []Problem, err error) {
	var questions []question
	for _, c := range m.With() {
		questions = append(questions, question{c, c.Lease().Address.Addr()})
	}
	owners, err := m.whoHas(ctx, questions, false)
	for _, q := range questions {
		for _, mac := range owners[q.addr] {
			if mac != q.from.MAC.String() {
				problems = append(problems, q.from.Problem(fmt.Errorf("%s is also that of the host with MAC %s", q.addr, mac)))
				break
			}
		}
	}
	return problems, err
}

// question is a client's, by ARP: who has addr?
type question struct {
	from *Client
	addr netip.Addr
}

// census is who says by ARP that it has an address.
type census struct {
	mu     sync.Mutex
	owners map[netip.Addr][]string // their MAC addresses
}

// note reports whether the address was asked for. Then the answer is no news to
// a client that has it: it would defend the address, or give it up.
func (n *census) note(addr netip.Addr, mac string) (asked bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	macs, asked := n.owners[addr]
	if asked && !slices.Contains(macs, mac) {
		n.owners[addr] = append(macs, mac)
	}
	return asked
}

// complete reports whether each address has an owner.
func (n *census) complete() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, macs := range n.owners {
		if len(macs) == 0 {
			return false
		}
	}
	return true
}

// whoHas asks questions by ARP, each three times, and returns who has the
// addresses that somebody has. If one answer to each is enough, it does not wait
// for more.
func (m *NetworkManager) whoHas(ctx context.Context, questions []question, enough bool) (map[netip.Addr][]string, error) {
	n := &census{owners: map[netip.Addr][]string{}}
	for _, q := range questions {
		n.owners[q.addr] = nil
	}
	m.line.census.Store(n)
	defer m.line.census.Store(nil)
	const tries, wait = 3, 200 * time.Millisecond
	for range tries {
		if enough && n.complete() {
			break
		}
		for _, q := range questions {
			err := m.line.arp(q.from.MAC, netip.IPv4Unspecified(), q.addr)
			if err != nil && !packets.QueueFull(err) { // one that was not sent is a loss, and there are others
				return nil, fmt.Errorf("ask for %s by ARP: %w", q.addr, err)
			}
		}
		for end := time.Now().Add(wait); time.Now().Before(end) && !(enough && n.complete()); {
			if err := packets.Pause(ctx, wait/100); err != nil {
				return nil, err
			}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.owners, nil
}
