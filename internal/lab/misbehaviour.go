package lab

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// misbehaviour is what a DHCP server does wrong, and what it must keep in mind to
// do so. The zero value does nothing wrong.
type misbehaviour struct {
	mu       sync.Mutex
	does     fault.Conditions
	heard    int // messages, since it does this
	die      *rand.Rand
	granted  map[string]bool // clients that got a lease meanwhile
	rebooted bool            // because of them

	pairing sync.Mutex
	known   map[string]netip.Addr // clients; with the address, if it is another's too
	shared  netip.Addr            // the one that the next new client gets as well
}

// set says what the server does from now on, and begins to count anew.
func (m *misbehaviour) set(c fault.Conditions) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.does, m.heard, m.die, m.rebooted = c, 0, newDie(), false
	m.forget()
}

// restart is what a reboot makes the server forget.
func (m *misbehaviour) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
}

func (m *misbehaviour) forget() {
	m.granted, m.known, m.shared = map[string]bool{}, map[string]netip.Addr{}, netip.Addr{}
}

func (m *misbehaviour) conditions() fault.Conditions {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.does
}

// loses reports whether the message that has just come gets lost.
func (m *misbehaviour) loses() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard++
	switch {
	case m.does.SilentDHCP, m.hangs():
		return true
	case m.does.DropEvery > 0 && m.heard%m.does.DropEvery == 0:
		return true
	}
	return m.does.DropDHCP > 0 && unlucky(m.die, m.does.DropDHCP)
}

func (m *misbehaviour) hangs() bool {
	return m.does.StopAfter > 0 && len(m.granted) >= m.does.StopAfter
}

// grants counts a client that is about to get a lease, and is false when the
// server hangs before it gets there.
func (m *misbehaviour) grants(client string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.does.StopAfter == 0 && m.does.RebootAfter == 0:
		return true
	case m.hangs():
		return false
	}
	m.granted[client] = true
	return true
}

// withdraws is for a client that got no lease after all.
func (m *misbehaviour) withdraws(client string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.granted, client)
}

// reboots reports, once, that it is time to.
func (m *misbehaviour) reboots() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rebooted || m.does.RebootAfter == 0 || len(m.granted) < m.does.RebootAfter {
		return false
	}
	m.rebooted = true
	return true
}

// twin is the address of another client that this one gets too, if it does.
func (m *misbehaviour) twin(client string) (netip.Addr, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if addr, known := m.known[client]; known || !m.shared.IsValid() {
		return addr, addr.IsValid()
	}
	addr := m.shared
	m.known[client], m.shared = addr, netip.Addr{}
	return addr, true
}

// separates gives a client that declined its twin's address one of its own.
func (m *misbehaviour) separates(client string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.known[client]; known {
		m.known[client] = netip.Addr{}
	}
}

// awaitTwin gives the next new client the address that client has been offered.
func (m *misbehaviour) awaitTwin(client string, addr netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.known[client]; !known && m.does.DuplicateAddress {
		m.known[client], m.shared = netip.Addr{}, addr
	}
}

// obey makes the server behave as c says.
func (s *dhcpServer) obey(c fault.Conditions) {
	s.pool.resize(c.Pool)
	s.mu.Lock()
	s.lease = c.LeaseTime
	s.mu.Unlock()
	s.set(c)
}

// offer is pool.offer with what the server does wrong in it, and confirm pool.confirm.
func (s *dhcpServer) offer(client string, asked netip.Addr) (netip.Addr, bool) {
	s.pairing.Lock() // or two new clients would both wait for a twin
	defer s.pairing.Unlock()
	if addr, ok := s.twin(client); ok {
		return addr, true
	}
	addr, ok := s.pool.offer(client, asked, s.conditions().ChangesAddresses)
	if ok {
		s.awaitTwin(client, addr)
	}
	return addr, ok
}

// refuses reports whether req is answered by a NAK, whatever it asks for.
func (s *dhcpServer) refuses(req *dhcpv4.DHCPv4) bool {
	does := s.conditions()
	initReboot := req.ServerIdentifier() == nil && !renews(req) // RFC 2131 §4.3.2
	if does.ChangesAddresses && initReboot {
		asked := packets.Addr4(req.RequestedIPAddress())
		s.pool.had(clientOf(req), asked) // it knows that better than a server that has rebooted
		return true
	}
	return does.RefuseRequests
}

func (s *dhcpServer) confirm(client string, asked netip.Addr) bool {
	if addr, ok := s.twin(client); ok {
		return addr == asked
	}
	return s.pool.confirm(client, asked, s.leaseTime())
}

// spoil falsifies an OFFER or ACK.
func (s *dhcpServer) spoil(resp *dhcpv4.DHCPv4) {
	does := s.conditions()
	if does.WrongSubnet || does.NoGateway {
		for _, routes := range []dhcpv4.OptionCode{dhcpv4.OptionRouter, dhcpv4.OptionStaticRoutingTable, dhcpv4.OptionClasslessStaticRoute} {
			resp.Options.Del(routes)
		}
	}
	if does.WrongSubnet {
		if yours := packets.Addr4(resp.YourIPAddr); yours.IsValid() && !yours.IsUnspecified() {
			resp.YourIPAddr = s.beside(yours).AsSlice()
		}
		router := s.beside(s.self).AsSlice()
		resp.UpdateOption(dhcpv4.OptDNS(router))
		if !does.NoGateway {
			resp.UpdateOption(dhcpv4.OptRouter(router))
		}
	}
	if does.WrongTimes && resp.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
		resp.UpdateOption(dhcpv4.OptRenewTimeValue(s.leaseTime() / 8 * 7))
		resp.UpdateOption(dhcpv4.OptRebindingTimeValue(s.leaseTime() / 2))
	}
	if does.NoDNS {
		resp.Options.Del(dhcpv4.OptionDomainNameServer)
	}
}

// meant is the address of the LAN that was given out as addr.
func (s *dhcpServer) meant(addr netip.Addr) netip.Addr {
	if !addr.IsValid() || !s.conditions().WrongSubnet || s.subnet.Contains(addr) {
		return addr
	}
	return s.beside(addr)
}

// beside is where addr is in the subnet beside the LAN's, and the other way
// round.
func (s *dhcpServer) beside(addr netip.Addr) netip.Addr { return neighbour(addr, s.subnet.Bits(), 1) }

// neighbour is the address in the same place of the i-th subnet next to addr's.
func neighbour(addr netip.Addr, bits, i int) netip.Addr {
	return addrOf(number(addr) ^ uint32(i)<<(32-bits))
}

// rogueLead is by how much the rogue server's OFFER is ahead of the router's.
const rogueLead = 100 * time.Millisecond

// hold waits as long as the answer to req is to be delayed. It is false when
// the server is closed meanwhile.
func (s *dhcpServer) hold(req *dhcpv4.DHCPv4) bool {
	return s.wait(s.delay(req))
}

// delay is by how much the answer to req comes later.
func (m *misbehaviour) delay(req *dhcpv4.DHCPv4) time.Duration {
	does := m.conditions()
	if does.RogueDHCP && req.MessageType() == dhcpv4.MessageTypeDiscover {
		return max(does.DelayDHCP, rogueLead)
	}
	return does.DelayDHCP
}

// wait is false when the server is closed meanwhile.
func (s *dhcpServer) wait(delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	select {
	case <-s.closed:
		return false
	case <-time.After(delay):
		return true
	}
}
