package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// dhcpServer answers DHCP on the LAN as RFC 2131 §4.3 wants. Clients without
// an address are answered by unicast frames, so that a thousand of them do not
// hear each other's answers.
type dhcpServer struct {
	*server4.Server
	misbehaviour
	pool    *pool
	subnet  netip.Prefix
	self    netip.Addr
	lease   time.Duration // guarded by misbehaviour's lock
	options []dhcpv4.Modifier
	frames  *packet.Conn
	serving sync.WaitGroup
	closed  chan struct{}
	reboot  func() // the router; may be nil
}

// dhcpBacklog, in bytes, holds the DISCOVERs of a few thousand clients that
// all start in the same instant.
const dhcpBacklog = 8 << 20

// serveDHCP starts the router's DHCP server.
func (l *Lab) serveDHCP() (*dhcpServer, error) {
	s := newDHCPServer(l.opts.Subnet, l.Router)
	s.pool, s.lease = newPool(l.firstLease(), l.opts.Pool), l.opts.LeaseTime
	s.options = append(s.options,
		dhcpv4.WithRouter(l.Router.AsSlice()),
		dhcpv4.WithDNS(l.Router.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptDomainName("lan.example.test")))
	for _, o := range l.opts.Extra {
		s.options = append(s.options, dhcpv4.WithOption(o))
	}
	s.reboot = l.rebootAlone
	if err := s.start(l.router, s.handle); err != nil {
		return nil, err
	}
	l.defers(s.stop)
	return s, nil
}

// newDHCPServer is a server at self whose leases say nothing but the mask yet.
func newDHCPServer(subnet netip.Prefix, self netip.Addr) *dhcpServer {
	return &dhcpServer{
		subnet:  subnet,
		self:    self,
		options: []dhcpv4.Modifier{dhcpv4.WithNetmask(net.CIDRMask(subnet.Bits(), 32))},
		closed:  make(chan struct{}),
	}
}

// start lets handle answer what comes to the link lan of ns.
func (s *dhcpServer) start(ns *namespace.NS, handle server4.Handler) error {
	var conn *net.UDPConn
	err := ns.Do(func() (err error) {
		if conn, err = server4.NewIPv4UDPConn("lan", nil); err != nil {
			return err
		}
		if err = forceReadBuffer(conn, dhcpBacklog); err != nil {
			return err
		}
		lan, err := net.InterfaceByName("lan")
		if err != nil {
			return err
		}
		// Only for sending: the filter lets nothing in.
		nothing, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
		if err != nil {
			return err
		}
		s.frames, err = packet.Listen(lan, packet.Datagram, unix.ETH_P_IP, &packet.Config{Filter: nothing})
		return err
	})
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	addressed, err := tellDestinations(conn)
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	s.Server, err = server4.NewServer("lan", nil, handle, server4.WithConn(addressed))
	if err != nil {
		return fmt.Errorf("dhcp: %w", err)
	}
	s.serving.Go(func() { s.Serve() }) // ends, with the error that it was closed, when closed
	return nil
}

func (s *dhcpServer) stop() error {
	close(s.closed)
	s.Close()
	s.serving.Wait()
	return s.frames.Close()
}

// linkIsUp makes frames usable again: the kernel notes on a packet socket that
// its link went down, and the next frame would pay for it (af_packet.c).
func (s *dhcpServer) linkIsUp() error {
	raw, err := s.frames.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		_, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) // which clears it
	})
}

func (s *dhcpServer) handle(conn net.PacketConn, peer net.Addr, req *dhcpv4.DHCPv4) {
	if req.OpCode != dhcpv4.OpcodeBootRequest || len(req.ClientHWAddr) != 6 || s.loses() {
		return
	}
	if renews(req) && destination(peer) == s.self.String() && s.conditions().NoUnicastRenewals {
		return
	}
	resp := s.answer(req)
	if resp == nil || !s.hold(req) {
		return
	}
	// A frame that cannot be sent is a frame lost: the client asks again.
	_ = s.send(conn, req, resp)
	if s.reboot != nil && s.reboots() {
		s.reboot()
	}
}

// clientOf is by what a client is known (RFC 2131 §4.2).
func clientOf(req *dhcpv4.DHCPv4) string {
	if id := req.Options.Get(dhcpv4.OptionClientIdentifier); len(id) > 0 {
		return string(id)
	}
	return string(req.ClientHWAddr)
}

// renews reports whether req asks for more of a lease: in RENEWING by unicast, in
// REBINDING by broadcast (RFC 2131 §4.3.2).
func renews(req *dhcpv4.DHCPv4) bool {
	return req.MessageType() == dhcpv4.MessageTypeRequest && req.ServerIdentifier() == nil && !req.ClientIPAddr.IsUnspecified()
}

// leaseTime is how long leases are for.
func (s *dhcpServer) leaseTime() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease
}

// answer changes the lease table as req asks and returns the reply, nil when
// there is none to give.
func (s *dhcpServer) answer(req *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	client := clientOf(req)
	asked := packets.Addr4(req.RequestedIPAddress())
	current := packets.Addr4(req.ClientIPAddr)
	asked, current = s.meant(asked), s.meant(current)
	chosen := req.ServerIdentifier()
	does := s.conditions()

	switch req.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		if addr, ok := s.offer(client, asked); ok {
			return s.reply(req, dhcpv4.MessageTypeOffer, addr)
		}
	case dhcpv4.MessageTypeRequest:
		if chosen != nil && !chosen.Equal(s.self.AsSlice()) {
			return nil // the client took another server's offer
		}
		if !asked.IsValid() {
			asked = current // renewing or rebinding
		}
		if renews(req) && does.NoRenewals {
			return nil
		}
		if !s.grants(client) {
			return nil
		}
		if !s.refuses(req) && s.confirm(client, asked) {
			return s.reply(req, dhcpv4.MessageTypeAck, asked)
		}
		s.withdraws(client)
		if does.NoNAKs {
			return nil
		}
		return s.reply(req, dhcpv4.MessageTypeNak, netip.IPv4Unspecified())
	case dhcpv4.MessageTypeInform:
		return s.reply(req, dhcpv4.MessageTypeAck, current)
	case dhcpv4.MessageTypeRelease:
		if !does.IgnoreReleases {
			s.pool.release(client, current)
		}
	case dhcpv4.MessageTypeDecline:
		if !does.IgnoreDeclines {
			s.separates(client)
			s.pool.withhold(client, asked, s.leaseTime())
		}
	}
	return nil
}

func (s *dhcpServer) reply(req *dhcpv4.DHCPv4, t dhcpv4.MessageType, yours netip.Addr) *dhcpv4.DHCPv4 {
	resp, err := dhcpv4.NewReplyFromRequest(req,
		dhcpv4.WithMessageType(t),
		dhcpv4.WithServerIP(s.self.AsSlice()),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(s.self.AsSlice())))
	if err != nil {
		return nil
	}
	if t == dhcpv4.MessageTypeNak {
		return resp
	}
	for _, set := range s.options {
		set(resp)
	}
	if req.MessageType() != dhcpv4.MessageTypeInform || s.conditions().InformLeases { // RFC 2131 §4.3.5
		resp.YourIPAddr = yours.AsSlice()
		dhcpv4.WithLeaseTime(uint32(s.leaseTime().Seconds()))(resp)
	}
	s.spoil(resp)
	return resp
}

// send delivers resp as RFC 2131 §4.1 says: to the address that the client
// has, else by broadcast when it asks for that or is refused, else in a
// unicast frame to the address it will have.
func (s *dhcpServer) send(conn net.PacketConn, req, resp *dhcpv4.DHCPv4) error {
	nak := resp.MessageType() == dhcpv4.MessageTypeNak
	if !req.ClientIPAddr.IsUnspecified() && !nak {
		_, err := conn.WriteTo(resp.ToBytes(), &net.UDPAddr{IP: req.ClientIPAddr, Port: dhcpv4.ClientPort})
		return err
	}
	mac, dst := req.ClientHWAddr, resp.YourIPAddr
	if nak || req.IsBroadcast() {
		mac, dst = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, net.IPv4bcast
	}
	_, err := s.frames.WriteTo(udpPacket(s.self.AsSlice(), dst, resp.ToBytes()), &packet.Addr{HardwareAddr: mac})
	return err
}

// udpPacket wraps payload from the server's port to the client's in IPv4 (RFC
// 791) and UDP (RFC 768) headers. The UDP checksum is left out, as IPv4 allows.
func udpPacket(src, dst net.IP, payload []byte) []byte {
	const ipLen, udpLen = 20, 8
	p := make([]byte, ipLen+udpLen, ipLen+udpLen+len(payload))
	p[0] = 0x45 // version 4, five words
	binary.BigEndian.PutUint16(p[2:], uint16(cap(p)))
	p[8] = 64 // time to live
	p[9] = unix.IPPROTO_UDP
	copy(p[12:], src.To4())
	copy(p[16:], dst.To4())
	binary.BigEndian.PutUint16(p[10:], packets.Checksum(packets.Sum(0, p[:ipLen])))
	binary.BigEndian.PutUint16(p[ipLen:], dhcpv4.ServerPort)
	binary.BigEndian.PutUint16(p[ipLen+2:], dhcpv4.ClientPort)
	binary.BigEndian.PutUint16(p[ipLen+4:], uint16(udpLen+len(payload)))
	return append(p, payload...)
}

// forceReadBuffer sets a receive buffer beyond net.core.rmem_max, which is the
// host's to choose.
func forceReadBuffer(conn syscall.Conn, bytes int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes)
	})
	if err != nil {
		return err
	}
	return inner
}
