package netmgr

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

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
