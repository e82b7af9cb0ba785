package netmgr

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Conflicts are the clients whose address another host of the LAN has, too, as it
// says by ARP (RFC 5227).
func (m *NetworkManager) Conflicts(ctx context.Context) (problems []Problem, err error) {
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

// arpAnswers is who says by ARP that it has an address.
type arpAnswers struct {
	mu     sync.Mutex
	owners map[netip.Addr][]string // their MAC addresses
}

// note reports whether the address was asked for. Then the answer is no news to
// a client that has it: it would defend the address, or give it up.
func (n *arpAnswers) note(addr netip.Addr, mac string) (asked bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	macs, asked := n.owners[addr]
	if asked && !slices.Contains(macs, mac) {
		n.owners[addr] = append(macs, mac)
	}
	return asked
}

// complete reports whether each address has an owner.
func (n *arpAnswers) complete() bool {
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
	n := &arpAnswers{owners: map[netip.Addr][]string{}}
	for _, q := range questions {
		n.owners[q.addr] = nil
	}
	m.asking.Store(n)
	defer m.asking.Store(nil)
	const tries, wait = 3, 200 * time.Millisecond
	for range tries {
		if enough && n.complete() {
			break
		}
		for _, q := range questions {
			err := m.line.ARP(q.from.MAC, netip.IPv4Unspecified(), q.addr)
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

// gateways is by which MAC addresses those of the clients' leases speak ARP.
type gateways struct {
	mu      sync.Mutex
	macs    map[netip.Addr][]string // those heard, oldest first; nil for one not heard yet
	changes []string                // in words
}

// expect has an address watched.
func (g *gateways) expect(addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.macs == nil {
		g.macs = map[netip.Addr][]string{}
	}
	if _, known := g.macs[addr]; !known && addr.IsValid() {
		g.macs[addr] = nil
	}
}

// note takes the news that addr is that of owner.
func (g *gateways) note(addr netip.Addr, owner net.HardwareAddr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	macs, watched := g.macs[addr]
	const most = 8
	if !watched || len(macs) == most {
		return
	}
	mac := owner.String()
	if slices.Contains(macs, mac) {
		return
	}
	if len(macs) > 0 {
		g.changes = append(g.changes, fmt.Sprintf("the gateway %s is now at MAC %s, and was at %s", addr, mac, macs[len(macs)-1]))
	}
	g.macs[addr] = append(macs, mac)
}

// GatewayChanges tells, once each, of gateways that were heard with another MAC
// address than before.
func (m *NetworkManager) GatewayChanges() []string {
	m.gateways.mu.Lock()
	defer m.gateways.mu.Unlock()
	changes := m.gateways.changes
	m.gateways.changes = nil
	return changes
}
