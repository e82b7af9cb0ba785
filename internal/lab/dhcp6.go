package lab

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// dhcp6Server answers DHCPv6 on the LAN as RFC 9915 §18.3 wants: with leases of
// addresses if there are to be any, and with what else a host must know.
type dhcp6Server struct {
	*lanSocket
	way  func(fault.Conditions) IPv6 // whether it gives addresses
	id   dhcpv6.DUID
	work sync.WaitGroup

	mu     sync.Mutex
	does   fault.Conditions
	prefix netip.Prefix
	pool   *pool
	twins  map[string]netip.Addr // by client, when two share one
}

// Where addresses begin in the prefix, and how many there are.
const firstHost6, pool6 = 0x1000, 1 << 16

var allServers = netip.MustParseAddr("ff02::1:2") // and relays (RFC 9915 §7.1)

func (l *Lab) serveDHCP6() (*dhcp6Server, error) {
	socket, err := openLANSocket(l.router, unix.SOCK_DGRAM, 0, dhcpv6.DefaultServerPort, allServers)
	if err != nil {
		return nil, fmt.Errorf("dhcpv6: %w", err)
	}
	s := newDHCP6Server()
	s.way = l.way
	s.lanSocket = socket
	s.work.Go(s.serve)
	l.defers(func() error {
		err := s.Close()
		s.work.Wait()
		return err
	})
	return s, nil
}

func newDHCP6Server() *dhcp6Server {
	return &dhcp6Server{way: func(fault.Conditions) IPv6 { return Stateful }, twins: map[string]netip.Addr{}, id: &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: routerMAC}}
}

func (s *dhcp6Server) serve() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.receive(buf)
		if err != nil {
			return
		}
		req, err := dhcpv6.MessageFromBytes(buf[:n])
		if err != nil || !from.IsLinkLocalUnicast() {
			continue
		}
		if resp := s.answer(req); resp != nil {
			_ = s.send(resp.ToBytes(), from, dhcpv6.DefaultClientPort) // the client asks again
		}
	}
}

func (s *dhcp6Server) obey(c fault.Conditions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.does = c
	return nil
}

// lease makes the addresses of a prefix those that are given; leases of another are
// forgotten.
func (s *dhcp6Server) lease(p netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prefix, s.pool = p, newPool(nth(p.Addr(), firstHost6), pool6)
}

func (s *dhcp6Server) forget() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pool.forget()
	clear(s.twins)
	return nil
}

func (s *dhcp6Server) linkIsUp() error { return nil }

func (s *dhcp6Server) leases() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pool.leases(), nil
}

// answer changes the lease table as req asks and returns the reply, nil when there is
// none to give.
func (s *dhcp6Server) answer(req *dhcpv6.Message) *dhcpv6.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.does.SilentDHCP6 || !s.hears(req) {
		return nil
	}
	resp := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: req.TransactionID}
	for _, id := range req.GetOption(dhcpv6.OptionClientID) {
		resp.AddOption(id)
	}
	resp.AddOption(dhcpv6.OptServerID(s.id))
	ias := req.Options.IANA()

	switch req.MessageType {
	case dhcpv6.MessageTypeConfirm:
		return s.confirm(resp, ias)
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		for _, ia := range ias {
			s.takeBack(req, ia)
		}
		resp.AddOption(status(iana.StatusSuccess))
		return resp
	case dhcpv6.MessageTypeSolicit:
		if req.GetOneOption(dhcpv6.OptionRapidCommit) == nil {
			resp.MessageType = dhcpv6.MessageTypeAdvertise
		} else {
			dhcpv6.WithRapidCommit(resp)
		}
	}
	for _, ia := range ias {
		resp.AddOption(s.give(req, resp, ia))
	}
	if !s.does.NoRDNSS {
		resp.AddOption(dhcpv6.OptDNS(routerIn(s.prefix).AsSlice()))
	}
	resp.AddOption(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: []string{searchedDomain}}))
	return resp
}

// hears reports whether req is to be taken notice of (RFC 9915 §16).
func (s *dhcp6Server) hears(req *dhcpv6.Message) bool {
	client, server := req.Options.ClientID(), req.Options.ServerID()
	switch req.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		return client != nil && server == nil
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		return client != nil && server != nil && server.Equal(s.id)
	case dhcpv6.MessageTypeInformationRequest:
		return (server == nil || server.Equal(s.id)) && req.GetOneOption(dhcpv6.OptionIANA) == nil
	}
	return false
}

// holder is by what a lease is known (RFC 9915 §12).
func holder(req *dhcpv6.Message, ia *dhcpv6.OptIANA) string {
	return string(req.Options.ClientID().ToBytes()) + string(ia.IaId[:])
}

// give answers one IA_NA of a Solicit, Request, Renew or Rebind.
func (s *dhcp6Server) give(req, resp *dhcpv6.Message, ia *dhcpv6.OptIANA) *dhcpv6.OptIANA {
	client := holder(req, ia)
	preferred := s.does.LeaseTime / 2
	given := &dhcpv6.OptIANA{IaId: ia.IaId, T1: preferred / 2, T2: preferred / 5 * 4}
	add := func(a net.IP, preferred, valid time.Duration) {
		given.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: a, PreferredLifetime: preferred, ValidLifetime: valid})
	}
	if !s.way(s.does).leases() {
		given.Options.Add(status(iana.StatusNoAddrsAvail))
		return given
	}
	switch req.MessageType {
	case dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		for _, a := range ia.Options.Addresses() {
			if s.pool.confirm(client, addr6(a), s.does.LeaseTime) {
				add(a.IPv6Addr, preferred, s.does.LeaseTime)
			} else {
				add(a.IPv6Addr, 0, 0)
			}
		}
		if len(ia.Options.Addresses()) == 0 {
			given.Options.Add(status(iana.StatusNoBinding))
		}
		return given
	}
	var asked netip.Addr
	if a := ia.Options.OneAddress(); a != nil {
		asked = addr6(a)
	}
	if addr, ok := s.twin(client); ok {
		add(addr.AsSlice(), preferred, s.does.LeaseTime)
		return given
	}
	addr, ok := s.pool.offer(client, asked, false)
	if ok && resp.MessageType == dhcpv6.MessageTypeReply {
		ok = s.pool.confirm(client, addr, s.does.LeaseTime)
	}
	if ok {
		add(addr.AsSlice(), preferred, s.does.LeaseTime)
	} else {
		given.Options.Add(status(iana.StatusNoAddrsAvail))
	}
	return given
}

// twin is the address that a client shares with the one before, if it is to.
func (s *dhcp6Server) twin(client string) (addr netip.Addr, ok bool) {
	if !s.does.DuplicateAddress {
		return addr, false
	}
	if _, known := s.twins[client]; !known {
		s.twins[client] = nth(s.prefix.Addr(), firstHost6+len(s.twins)/2)
	}
	return s.twins[client], true
}

// confirm tells a client whether it is still on the same link (RFC 9915 §18.3.3).
func (s *dhcp6Server) confirm(resp *dhcpv6.Message, ias []*dhcpv6.OptIANA) *dhcpv6.Message {
	code, any := iana.StatusSuccess, false
	for _, ia := range ias {
		for _, a := range ia.Options.Addresses() {
			any = true
			if !s.prefix.Contains(addr6(a)) {
				code = iana.StatusNotOnLink
			}
		}
	}
	if !any {
		return nil
	}
	resp.AddOption(status(code))
	return resp
}

// takeBack is for addresses that a client gives back, or found in use.
func (s *dhcp6Server) takeBack(req *dhcpv6.Message, ia *dhcpv6.OptIANA) {
	for _, a := range ia.Options.Addresses() {
		if req.MessageType == dhcpv6.MessageTypeDecline {
			s.pool.withhold(holder(req, ia), addr6(a), s.does.LeaseTime)
		} else {
			s.pool.release(holder(req, ia), addr6(a))
		}
	}
}

func addr6(a *dhcpv6.OptIAAddress) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.IPv6Addr)
	return addr
}

func status(code iana.StatusCode) *dhcpv6.OptStatusCode {
	return &dhcpv6.OptStatusCode{StatusCode: code}
}
