package doctor

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
)

var (
	ourMAC   = net.HardwareAddr{0x06, 1, 2, 3, 4, 5}
	prefixes = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})
)

func discoverOf(tb testing.TB) *dhcpv4.DHCPv4 {
	tb.Helper()
	m, err := dhcpv4.NewDiscovery(ourMAC, dhcpv4.WithTransactionID(dhcpv4.TransactionID{1, 2, 3, 4}))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// offered is an OFFER of 192.168.1.57 in an IPv4 packet from 192.168.1.2.
func offered(tb testing.TB, with ...dhcpv4.Modifier) []byte {
	tb.Helper()
	m, err := dhcpv4.NewReplyFromRequest(discoverOf(tb), append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer),
		dhcpv4.WithYourIP(net.IPv4(192, 168, 1, 57)),
		dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(192, 168, 1, 1))),
	}, with...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return inIPv4(m.ToBytes())
}

func inIPv4(payload []byte) []byte {
	p := make([]byte, 28, 28+len(payload))
	p[0], p[9] = 0x45, 17
	binary.BigEndian.PutUint16(p[2:], uint16(28+len(payload)))
	copy(p[12:], []byte{192, 168, 1, 2})
	binary.BigEndian.PutUint16(p[20:], 67)
	binary.BigEndian.PutUint16(p[22:], 68)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(payload)))
	return append(p, payload...)
}

func TestParseOffer(t *testing.T) {
	usual := offer{netip.MustParseAddr("192.168.1.1"), "aa", netip.MustParsePrefix("192.168.1.57/24")}
	with := func(change func(*offer)) *offer { o := usual; change(&o); return &o }
	changed := func(at int, b byte) []byte { p := offered(t); p[at] = b; return p }
	for _, tt := range []struct {
		name   string
		packet []byte
		want   *offer
	}{
		{"a usual one", offered(t), &usual},
		{"behind it, Ethernet's padding", append(offered(t), 0, 0, 0), &usual},
		{"from a server that does not say who it is", offered(t, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4zero))),
			with(func(o *offer) { o.Server = netip.MustParseAddr("192.168.1.2") })},
		{"without a subnet", offered(t, func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionSubnetMask) }),
			with(func(o *offer) { o.Address = netip.MustParsePrefix("192.168.1.57/0") })},
		{"with a mask that has gaps", offered(t, dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0))),
			with(func(o *offer) { o.Address = netip.MustParsePrefix("192.168.1.57/0") })},
		{"of no address", offered(t, dhcpv4.WithYourIP(net.IPv4zero)), nil},
		{"an ACK", offered(t, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck)), nil},
		{"to another question", offered(t, dhcpv4.WithTransactionID(dhcpv4.TransactionID{9})), nil},
		{"to another client", offered(t, dhcpv4.WithHwAddr(net.HardwareAddr{2, 1, 2, 3, 4, 5})), nil},
		{"our own DISCOVER, come back", inIPv4(discoverOf(t).ToBytes()), nil},
		{"not DHCP", inIPv4([]byte("hello")), nil},
		{"nothing", nil, nil},
		{"IPv6", changed(0, 0x65), nil},
		{"a header shorter than itself", changed(0, 0x44), nil},
		{"a header longer than the packet", inIPv4(nil)[:27], nil},
		{"TCP", changed(9, 6), nil},
		{"the end of a larger packet", changed(7, 1), nil},
		{"to another port", changed(23, 67), nil},
		{"longer than it is", changed(24, 0xff), nil},
		{"shorter than its header", changed(25, 0), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, is := parseOffer(tt.packet, "aa", discoverOf(t))
			switch {
			case !is && tt.want != nil, is && tt.want == nil:
				t.Errorf("is an OFFER: %t; got %+v", is, got)
			case is:
				if diff := cmp.Diff(*tt.want, got, prefixes); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func FuzzParseOffer(f *testing.F) {
	f.Add(offered(f))
	f.Add(offered(f)[:40])
	f.Add(inIPv4(nil))
	discover := discoverOf(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := bytes.Clone(packet)
		o, is := parseOffer(packet, "aa", discover)
		if is && (!o.Server.Is4() || !o.Address.IsValid()) {
			t.Errorf("%+v", o)
		}
		if !bytes.Equal(before, packet) {
			t.Error("the packet was changed")
		}
	})
}

func TestCheckAddresses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		offer   string // the address in its subnet
		clients int
		want    string
	}{
		{"a home router", "192.168.1.57/24", 200, "ok: 192.168.1.0/24 has room for 253 clients; how many of its addresses are free cannot be seen"},
		{"every last one", "192.168.1.57/24", 253, "ok: 192.168.1.0/24 has room for 253 clients; how many of its addresses are free cannot be seen"},
		{"one too many", "192.168.1.57/24", 254, "problem: 192.168.1.0/24 has room for 253 clients, not for 254 -> use fewer clients, or widen the router's subnet"},
		{"no subnet", "192.168.1.57/0", 200, "skipped: the offer names no subnet with room for clients"},
		{"a point-to-point link", "192.168.1.57/32", 200, "skipped: the offer names no subnet with room for clients"},
		{"no offer", "", 200, "skipped: no offer, so no subnet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0", Clients: tt.clients}, nil)
			if tt.offer != "" {
				e.offers = []offer{{Address: netip.MustParsePrefix(tt.offer)}}
			}
			compare(t, tt.want, e.checkAddresses())
		})
	}
}
