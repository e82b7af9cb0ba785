package lab

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/ipv4"

	"github.com/lanstorm/lanstorm/internal/fault"
)

var (
	routerIP = net.IPv4(10, 77, 0, 1)
	otherIP  = net.IPv4(10, 77, 0, 2) // another DHCP server on the LAN
	macA     = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0a}
	macB     = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0b}
)

// newServer hands out 10.77.0.10 and 10.77.0.11, and has no sockets.
func newServer() *dhcpServer {
	return &dhcpServer{
		pool:  newPool(netip.MustParseAddr("10.77.0.10"), 2),
		self:  netip.MustParseAddr("10.77.0.1"),
		lease: time.Hour,
		options: []dhcpv4.Modifier{
			dhcpv4.WithNetmask(net.CIDRMask(16, 32)),
			dhcpv4.WithRouter(routerIP),
			dhcpv4.WithDNS(routerIP),
		},
	}
}

func message(t *testing.T, kind dhcpv4.MessageType, mac net.HardwareAddr, more ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(mac)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return overTheWire(t, m)
}

func overTheWire(t *testing.T, m *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.FromBytes(m.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func asking(ip string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(ip)))
}
func choosing(server net.IP) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server))
}
func having(ip string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.ParseIP(ip)) }
func named(id string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte(id)))
}

// told is an answer in short.
func told(m *dhcpv4.DHCPv4) string {
	if m == nil {
		return "nothing"
	}
	return fmt.Sprint(m.MessageType(), " ", m.YourIPAddr)
}

func TestAnswer(t *testing.T) {
	const (
		discover = dhcpv4.MessageTypeDiscover
		request  = dhcpv4.MessageTypeRequest
		release  = dhcpv4.MessageTypeRelease
		decline  = dhcpv4.MessageTypeDecline
		inform   = dhcpv4.MessageTypeInform
	)
	type turn struct {
		kind dhcpv4.MessageType
		mac  net.HardwareAddr
		with []dhcpv4.Modifier
		want string
	}
	type with = []dhcpv4.Modifier
	leased := turn{request, macA, with{asking("10.77.0.10"), choosing(routerIP)}, "ACK 10.77.0.10"}

	for _, tt := range []struct {
		name   string
		turns  []turn
		leases int // in the end
	}{
		{"a client takes what it is offered", []turn{
			{discover, macA, nil, "OFFER 10.77.0.10"}, leased,
		}, 1},
		{"a client that repeats itself is told the same", []turn{
			{discover, macA, nil, "OFFER 10.77.0.10"}, {discover, macA, nil, "OFFER 10.77.0.10"}, leased, leased,
		}, 1},
		{"a client may ask for an address in its DISCOVER", []turn{
			{discover, macA, with{asking("10.77.0.11")}, "OFFER 10.77.0.11"},
			{discover, macB, with{asking("10.77.0.11")}, "OFFER 10.77.0.10"},
		}, 0},
		{"nothing is offered when the pool is used up", []turn{
			{discover, macA, nil, "OFFER 10.77.0.10"}, {discover, macB, nil, "OFFER 10.77.0.11"},
			{discover, net.HardwareAddr{2, 0, 0, 0, 0, 0x0c}, nil, "nothing"},
		}, 0},
		{"a client that takes another server's offer is let go", []turn{
			{discover, macA, nil, "OFFER 10.77.0.10"},
			{request, macA, with{asking("10.77.0.10"), choosing(otherIP)}, "nothing"},
		}, 0},
		{"a client that starts again keeps its address (init-reboot)", []turn{
			leased, {request, macA, with{asking("10.77.0.10")}, "ACK 10.77.0.10"},
		}, 1},
		{"a client that starts again on another network must begin anew", []turn{
			{request, macA, with{asking("192.168.1.20")}, "NAK 0.0.0.0"}, {discover, macA, nil, "OFFER 10.77.0.10"},
		}, 0},
		{"a client renews by the address it has", []turn{
			leased, {request, macA, with{having("10.77.0.10")}, "ACK 10.77.0.10"},
		}, 1},
		{"another client's address is refused", []turn{
			leased,
			{request, macB, with{asking("10.77.0.10"), choosing(routerIP)}, "NAK 0.0.0.0"},
			{request, macB, with{having("10.77.0.10")}, "NAK 0.0.0.0"},
			{discover, macB, with{asking("10.77.0.10")}, "OFFER 10.77.0.11"},
		}, 1},
		{"the router's own address is refused", []turn{
			{request, macA, with{asking("10.77.0.1"), choosing(routerIP)}, "NAK 0.0.0.0"},
		}, 0},
		{"a REQUEST for nothing is refused", []turn{
			leased, {request, macA, nil, "NAK 0.0.0.0"},
		}, 1},
		{"a lease that was given back is gone", []turn{
			leased, {release, macA, with{having("10.77.0.10"), choosing(routerIP)}, "nothing"},
			{discover, macB, with{asking("10.77.0.10")}, "OFFER 10.77.0.10"},
		}, 0},
		{"nobody gives back another's lease", []turn{
			leased, {release, macB, with{having("10.77.0.10"), choosing(routerIP)}, "nothing"},
		}, 1},
		{"an address found in use is given to nobody", []turn{
			leased, {decline, macA, with{asking("10.77.0.10"), choosing(routerIP)}, "nothing"},
			{discover, macA, with{asking("10.77.0.10")}, "OFFER 10.77.0.11"},
			{discover, macB, nil, "nothing"},
		}, 0},
		{"INFORM gets settings and no address", []turn{
			{inform, macA, with{having("10.77.0.200")}, "ACK 0.0.0.0"},
		}, 0},
		{"clients of one MAC address are told apart by option 61", []turn{
			{discover, macA, with{named("one")}, "OFFER 10.77.0.10"},
			{discover, macA, with{named("two")}, "OFFER 10.77.0.11"},
			{request, macA, with{named("two"), asking("10.77.0.10")}, "NAK 0.0.0.0"},
			{request, macA, with{named("one"), asking("10.77.0.10")}, "ACK 10.77.0.10"},
		}, 1},
		{"a client that changes its MAC address is known by option 61", []turn{
			{discover, macA, with{named("one")}, "OFFER 10.77.0.10"},
			{request, macB, with{named("one"), asking("10.77.0.10")}, "ACK 10.77.0.10"},
		}, 1},
		{"what a server says is not answered", []turn{
			{dhcpv4.MessageTypeOffer, macA, nil, "nothing"}, {dhcpv4.MessageTypeAck, macA, nil, "nothing"},
			{dhcpv4.MessageTypeNone, macA, nil, "nothing"},
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer()
			for i, turn := range tt.turns {
				if got := told(s.answer(message(t, turn.kind, turn.mac, turn.with...))); got != turn.want {
					t.Fatalf("turn %d, %s: answered %s, want %s", i+1, turn.kind, got, turn.want)
				}
			}
			if got := s.pool.leases(); got != tt.leases {
				t.Errorf("%d leases, want %d", got, tt.leases)
			}
		})
	}
}

// options shows an answer's options by their number.
func options(m *dhcpv4.DHCPv4) map[int]string {
	shown := map[int]string{}
	for code, value := range m.Options {
		shown[int(code)] = fmt.Sprintf("%x", value)
	}
	return shown
}

func TestAnswerCarries(t *testing.T) {
	const mask, router, leaseHour = "ffff0000", "0a4d0001", "00000e10"
	for _, tt := range []struct {
		name string
		req  *dhcpv4.DHCPv4
		want map[int]string
	}{
		{"an OFFER the settings, and for how long",
			message(t, dhcpv4.MessageTypeDiscover, macA),
			map[int]string{1: mask, 3: router, 6: router, 51: leaseHour, 53: "02", 54: router}},
		{"an ACK the same",
			message(t, dhcpv4.MessageTypeRequest, macA, asking("10.77.0.10")),
			map[int]string{1: mask, 3: router, 6: router, 51: leaseHour, 53: "05", 54: router}},
		{"an answer to INFORM no lease time (RFC 2131 §4.3.5)",
			message(t, dhcpv4.MessageTypeInform, macA, having("10.77.0.200")),
			map[int]string{1: mask, 3: router, 6: router, 53: "05", 54: router}},
		{"a NAK nothing but who says it",
			message(t, dhcpv4.MessageTypeRequest, macA, asking("192.168.1.20")),
			map[int]string{53: "06", 54: router}},
		{"an answer to a client that names itself its name (RFC 6842)",
			message(t, dhcpv4.MessageTypeRequest, macA, asking("192.168.1.20"), named("one")),
			map[int]string{53: "06", 54: router, 61: "6f6e65"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := overTheWire(t, newServer().answer(tt.req))
			if resp.OpCode != dhcpv4.OpcodeBootReply || resp.TransactionID != tt.req.TransactionID ||
				!bytes.Equal(resp.ClientHWAddr, tt.req.ClientHWAddr) {
				t.Errorf("not the answer to this question: %s", resp.Summary())
			}
			if diff := cmp.Diff(tt.want, options(resp)); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

// What is no question must not even be looked at: the server has no sockets
// to answer with.
func TestHandleIgnores(t *testing.T) {
	discover := func(with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
		return message(t, dhcpv4.MessageTypeDiscover, macA, with...)
	}
	for _, tt := range []struct {
		name   string
		silent bool
		req    *dhcpv4.DHCPv4
	}{
		{"everything when it is to be silent", true, discover()},
		{"an answer", false, discover(func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply })},
		{"a client that is not on Ethernet", false, discover(dhcpv4.WithHwAddr(make(net.HardwareAddr, 8)))},
		{"a client without a MAC address", false, discover(dhcpv4.WithHwAddr(nil))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer()
			s.set(fault.Conditions{SilentDHCP: tt.silent})
			s.handle(nil, nil, tt.req)
			if len(s.pool.byAddr) != 0 {
				t.Error("an address was set aside")
			}
		})
	}
}

func TestUDPPacket(t *testing.T) {
	for _, tt := range []struct {
		name     string
		src, dst net.IP
		payload  []byte
	}{
		{"to one client", routerIP, net.IPv4(10, 77, 0, 10), bytes.Repeat([]byte{0xa5}, 300)},
		{"to all, whose address makes the checksum carry", routerIP, net.IPv4bcast, bytes.Repeat([]byte{0xff}, 548)},
		{"of odd length", net.IPv4(255, 255, 255, 254), net.IPv4bcast, []byte("odd")},
		{"of nothing", net.IPv4(0, 0, 0, 0), net.IPv4(0, 0, 0, 1), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := udpPacket(tt.src, tt.dst, tt.payload)
			h, err := ipv4.ParseHeader(p)
			if err != nil {
				t.Fatal(err)
			}
			want := ipv4.Header{
				Version: 4, Len: 20, TotalLen: 28 + len(tt.payload), TTL: 64, Protocol: 17,
				Checksum: h.Checksum, Src: tt.src.To4(), Dst: tt.dst.To4(),
			}
			if diff := cmp.Diff(&want, h); diff != "" {
				t.Errorf("IPv4 header (-want +got):\n%s", diff)
			}
			// With its checksum in place a header adds up to all ones (RFC 1071).
			sum := 0
			for i, b := range p[:20] {
				sum += int(b) << (8 * (1 - i%2))
			}
			if sum%0xffff != 0 || sum == 0 {
				t.Errorf("header checksum %#04x is wrong", h.Checksum)
			}
			udp := fmt.Sprintf("%x", p[20:28])
			if want := fmt.Sprintf("00430044%04x0000", 8+len(tt.payload)); udp != want {
				t.Errorf("UDP header %s, want %s", udp, want)
			}
			if !bytes.Equal(p[28:], tt.payload) {
				t.Errorf("payload %x", p[28:])
			}
		})
	}
}
