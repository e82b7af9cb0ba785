package evidence

import (
	"bytes"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/net/bpf"
)

var (
	mac1, mac2 = net.HardwareAddr{2, 0, 0, 0, 0, 1}, net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ip1, ip2   = net.IP{10, 77, 0, 10}, net.IP{10, 77, 0, 1}
	ip61, ip62 = net.ParseIP("fe80::1"), net.ParseIP("2001:db8::2")
)

// frameOf is an Ethernet frame of these layers, with a payload.
func frameOf(tb testing.TB, parts ...gopacket.SerializableLayer) []byte {
	tb.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, parts...); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func ethernet(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: mac1, DstMAC: mac2, EthernetType: kind}
}

func over4(protocol layers.IPProtocol, parts ...gopacket.SerializableLayer) []gopacket.SerializableLayer {
	return append([]gopacket.SerializableLayer{
		ethernet(layers.EthernetTypeIPv4), &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: protocol, SrcIP: ip1, DstIP: ip2},
	}, parts...)
}

func over6(protocol layers.IPProtocol, parts ...gopacket.SerializableLayer) []gopacket.SerializableLayer {
	return append([]gopacket.SerializableLayer{
		ethernet(layers.EthernetTypeIPv6), &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: ip61, DstIP: ip62},
	}, parts...)
}

func payload(n int) gopacket.Payload { return bytes.Repeat([]byte{'x'}, n) }

func udp(from, to layers.UDPPort) []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{&layers.UDP{SrcPort: from, DstPort: to}, payload(700)}
}

func tcp(change func(*layers.TCP), data gopacket.Payload) []gopacket.SerializableLayer {
	t := &layers.TCP{SrcPort: 40000, DstPort: 443, ACK: true}
	change(t)
	return []gopacket.SerializableLayer{t, data}
}

func changed4(protocol layers.IPProtocol, change func(*layers.IPv4), parts ...gopacket.SerializableLayer) []gopacket.SerializableLayer {
	all := over4(protocol, parts...)
	change(all[1].(*layers.IPv4))
	return all
}

// manyOptions are as many as an IPv4 header has room for.
func manyOptions(ip *layers.IPv4) {
	for range 40 {
		ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 1})
	}
}

func TestTheFilterKeepsWhatIsEvidence(t *testing.T) {
	vm, err := bpf.NewVM(filter())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bpf.Assemble(filter()); err != nil {
		t.Fatal(err) // the kernel would not take it either
	}
	const (
		icmp, icmp6, u, tc = layers.IPProtocolICMPv4, layers.IPProtocolICMPv6, layers.IPProtocolUDP, layers.IPProtocolTCP
		hop, fragmented    = layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Fragment
	)
	arp := &layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: 1,
		SourceHwAddress: mac1, SourceProtAddress: ip1, DstHwAddress: mac2, DstProtAddress: ip2}
	none := func(*layers.TCP) {}
	hopByHop := func(next byte, words byte) gopacket.Payload { // of so many times 8 bytes behind the first
		return append(gopacket.Payload{next, words}, bytes.Repeat([]byte{0}, 6+8*int(words))...)
	}
	laterFragment := func(next byte) gopacket.Payload { return gopacket.Payload{next, 0, 0x05, 0xa8, 0, 0, 0, 1} }
	for _, tt := range []struct {
		name    string
		parts   []gopacket.SerializableLayer
		want    int // bytes at most; 0 for none
		assigns bool
	}{
		{"ARP", []gopacket.SerializableLayer{ethernet(layers.EthernetTypeARP), arp}, whole, false},
		{"a ping", over4(icmp, &layers.ICMPv4{TypeCode: 8 << 8}, payload(1400)), head, false},
		{"its reply", over4(icmp, &layers.ICMPv4{}, payload(56)), head, false},
		{"a ping with IPv4 options", changed4(icmp, manyOptions, &layers.ICMPv4{TypeCode: 8 << 8}, payload(56)), head, false},
		{"a later fragment of a ping", changed4(icmp, func(ip *layers.IPv4) { ip.FragOffset = 185 }, payload(56)), head, false},
		{"an ICMP error", over4(icmp, &layers.ICMPv4{TypeCode: 3 << 8}, payload(56)), head, false},
		{"DISCOVER", over4(u, udp(68, 67)...), whole, true},
		{"OFFER", over4(u, udp(67, 68)...), whole, true},
		{"OFFER with IPv4 options", changed4(u, manyOptions, udp(67, 68)...), whole, true},
		{"OFFER from a strange port", over4(u, udp(50000, 68)...), whole, true},
		{"OFFER that must not be fragmented", changed4(u, func(ip *layers.IPv4) { ip.Flags = layers.IPv4DontFragment }, udp(67, 68)...), whole, true},
		{"a DNS query", over4(u, udp(50000, 53)...), whole, false},
		{"a DNS answer", over4(u, udp(53, 50000)...), whole, false},
		{"the first fragment of a DNS answer", changed4(u, func(ip *layers.IPv4) { ip.Flags = layers.IPv4MoreFragments }, udp(53, 50000)...), whole, false},
		{"a later fragment over UDP", changed4(u, func(ip *layers.IPv4) { ip.FragOffset = 185 }, payload(1400)), whole, false},
		{"DNS over TCP", over4(tc, tcp(func(t *layers.TCP) { t.DstPort = 53 }, payload(900))...), head, false},
		{"SYN", over4(tc, tcp(func(t *layers.TCP) { t.SYN, t.ACK = true, false }, nil)...), head, false},
		{"SYN ACK", over4(tc, tcp(func(t *layers.TCP) { t.SYN = true }, nil)...), head, false},
		{"SYN with IPv4 options", changed4(tc, manyOptions, tcp(func(t *layers.TCP) { t.SYN = true }, nil)...), head, false},
		{"FIN with data", over4(tc, tcp(func(t *layers.TCP) { t.FIN = true }, payload(1400))...), head, false},
		{"RST", over4(tc, tcp(func(t *layers.TCP) { t.RST = true }, nil)...), head, false},
		{"ICMPv6: a ping", over6(icmp6, payload(0), gopacket.Payload{128, 0, 0, 0, 0, 0, 0, 0}), head, false},
		{"ICMPv6: a router advertisement", over6(icmp6, gopacket.Payload{134, 0, 0, 0, 64, 0, 7, 8}, payload(700)), whole, true},
		{"ICMPv6: a router solicitation", over6(icmp6, gopacket.Payload{133, 0, 0, 0, 0, 0, 0, 0}), whole, true},
		{"ICMPv6: a neighbour solicitation", over6(icmp6, gopacket.Payload{135, 0, 0, 0, 0, 0, 0, 0}, payload(24)), whole, false},
		{"ICMPv6: an error", over6(icmp6, gopacket.Payload{1, 3, 0, 0, 0, 0, 0, 0}, payload(1200)), head, false},
		{"ICMPv6: MLD, behind a hop-by-hop header", over6(hop, hopByHop(58, 0), gopacket.Payload{143, 0, 0, 0}, payload(20)), whole, false},
		{"DHCPv6 SOLICIT", over6(u, udp(546, 547)...), whole, true},
		{"DHCPv6 ADVERTISE", over6(u, udp(547, 546)...), whole, true},
		{"DNS over IPv6", over6(u, udp(50000, 53)...), whole, false},
		{"DNS over IPv6, behind 24 bytes of hop-by-hop header", over6(hop, append([]gopacket.SerializableLayer{hopByHop(17, 2)}, udp(50000, 53)...)...), whole, false},
		{"SYN over IPv6", over6(tc, tcp(func(t *layers.TCP) { t.SYN = true }, nil)...), head, false},

		{"data over TCP", over4(tc, tcp(none, payload(1400))...), 0, false},
		{"an HTTP request", over4(tc, tcp(none, []byte("GET /20MB.zip HTTP/1.1\r\n"))...), 0, false},
		{"a TLS handshake", over4(tc, tcp(none, append([]byte{0x16, 3, 1}, payload(300)...))...), 0, false},
		{"an ACK without data", over4(tc, tcp(none, nil)...), 0, false},
		{"data over TCP and IPv6", over6(tc, tcp(none, payload(1400))...), 0, false},
		{"a later fragment over TCP", changed4(tc, func(ip *layers.IPv4) { ip.FragOffset = 185 }, tcp(func(t *layers.TCP) { t.SYN = true }, nil)...), 0, false},
		{"a fragment over IPv6", over6(fragmented, laterFragment(17), payload(200)), 0, false},
		{"a stream over UDP", over4(u, udp(5004, 5005)...), 0, false},
		{"mDNS", over4(u, udp(5353, 5353)...), 0, false},
		{"QUIC over IPv6", over6(u, udp(50000, 443)...), 0, false},
		{"IGMP", over4(layers.IPProtocolIGMP, payload(40)), 0, false},
		{"IPv6 with another header", over6(layers.IPProtocolIPv6Routing, payload(40)), 0, false},
		{"LLDP", []gopacket.SerializableLayer{ethernet(layers.EthernetTypeLinkLayerDiscovery), payload(60)}, 0, false},
		{"PPPoE", []gopacket.SerializableLayer{ethernet(layers.EthernetTypePPPoESession), payload(60)}, 0, false},
		{"a frame with two VLAN tags", []gopacket.SerializableLayer{ethernet(layers.EthernetTypeDot1Q), payload(60)}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := frameOf(t, tt.parts...)
			got, err := vm.Run(frame)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("%d bytes are kept, want %d", got, tt.want)
			}
			if assigns(frame) != tt.assigns {
				t.Errorf("it assigns addresses: %t, want %t", assigns(frame), tt.assigns)
			}
			for cut := range min(len(frame), 120) { // nothing of it ends the program
				if _, err := vm.Run(frame[:cut]); err != nil {
					t.Errorf("cut to %d bytes: %v", cut, err)
				}
				assigns(frame[:cut])
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	vm, err := bpf.NewVM(filter())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frameOf(f, over4(layers.IPProtocolUDP, udp(67, 68)...)...))
	f.Add(frameOf(f, over6(layers.IPProtocolIPv6HopByHop, gopacket.Payload{44, 255}, payload(60))...))
	f.Add(frameOf(f, over4(layers.IPProtocolTCP, tcp(func(*layers.TCP) {}, []byte("GET "))...)...))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if n, err := vm.Run(frame); err != nil || n != 0 && n != whole && n != head {
			t.Errorf("%d, %v", n, err)
		}
		assigns(frame)
	})
}
