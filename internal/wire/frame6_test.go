package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// packet6 is an Ethernet frame with an IPv6 packet, of which the tests spoil a part.
type packet6 struct {
	to       []byte // MAC address
	kind     uint16 // EtherType
	next     byte
	hops     byte
	from     string
	dst      string
	payload  []byte
	checksum int // where it stands in the payload
	length   int // that the header tells, besides the payload's
}

func (p packet6) bytes() []byte {
	header := []byte{0x60, 0, 0, 0, 0, 0, p.next, p.hops}
	binary.BigEndian.PutUint16(header[4:], uint16(len(p.payload)+p.length))
	header = append(append(header, netip.MustParseAddr(p.from).AsSlice()...), netip.MustParseAddr(p.dst).AsSlice()...)
	payload := slices.Clone(p.payload)
	pseudo := packets.Sum(uint32(p.next)+uint32(len(payload)), header[8:])
	binary.BigEndian.PutUint16(payload[p.checksum:], packets.Checksum(packets.Sum(pseudo, payload)))
	frame := binary.BigEndian.AppendUint16(append(slices.Clone(p.to), 2, 0, 0, 0, 0, 1), p.kind)
	return slices.Concat(frame, header, payload)
}

func aRouter() packet6 {
	return packet6{
		to: []byte{0x33, 0x33, 0, 0, 0, 1}, kind: unix.ETH_P_IPV6, next: unix.IPPROTO_ICMPV6, hops: 255, from: "fe80::1", dst: "ff02::1",
		payload: append([]byte{134}, make([]byte, 15)...), checksum: 2,
	}
}

func anAnswer() packet6 {
	udp := append([]byte{2, 35, 2, 34, 0, 12, 0, 0}, 7, 1, 2, 3) // 547 to 546, REPLY
	return packet6{
		to: testMAC, kind: unix.ETH_P_IPV6, next: unix.IPPROTO_UDP, hops: 64, from: "fe80::1", dst: "fe80::2", payload: udp, checksum: 6,
	}
}

func TestTheListenerHearsRoutersAndDHCPv6(t *testing.T) {
	filter, err := bpf.NewVM(answersTo(testMAC))
	if err != nil {
		t.Fatal(err)
	}
	const (
		nothing = iota // kept out by the kernel, or passed over
		advertised
		refused // as hosts do
		answered
		solicited
	)
	for _, tt := range []struct {
		name       string
		is         packet6
		spoil      func(*packet6)
		after      func([]byte) // the checksum
		unfinished bool
		cut        int
		want       int
	}{
		{name: "an advertisement", is: aRouter(), want: advertised},
		{name: "one for a client", is: aRouter(), spoil: func(p *packet6) { p.to, p.dst = testMAC, "fe80::2" }, want: advertised},
		{name: "one from beyond a router", is: aRouter(), spoil: func(p *packet6) { p.hops = 254 }, want: refused},
		{name: "one from a global address", is: aRouter(), spoil: func(p *packet6) { p.from = "2001:db8::1" }, want: refused},
		{name: "one with a wrong checksum", is: aRouter(), after: func(b []byte) { b[len(b)-1]++ }, want: refused},
		{name: "one with no checksum yet", is: aRouter(), after: func(b []byte) { b[len(b)-1]++ }, unfinished: true, want: advertised},
		{name: "one longer than its frame", is: aRouter(), spoil: func(p *packet6) { p.length = 1 }},
		{name: "one that is cut off", is: aRouter(), cut: 14 + 40 + 7},
		{name: "a frame that ends in the header", is: aRouter(), cut: 14 + 39},
		{name: "a solicitation", is: aRouter(), spoil: func(p *packet6) { p.payload[0] = 133 }, want: solicited},
		{name: "a neighbour solicitation", is: aRouter(), spoil: func(p *packet6) { p.payload[0] = 135 }},
		{name: "DHCPv6", is: anAnswer(), want: answered},
		{name: "DHCPv6 to another machine's client", is: anAnswer(), spoil: func(p *packet6) { p.to = []byte{2, 0xaa, 0xbb, 0xcd, 0, 7} }},
		{name: "DHCPv6 with a wrong checksum", is: anAnswer(), after: func(b []byte) { b[len(b)-1]++ }},
		{name: "the same, unfinished", is: anAnswer(), after: func(b []byte) { b[len(b)-1]++ }, unfinished: true, want: answered},
		{name: "UDP of another length", is: anAnswer(), spoil: func(p *packet6) { p.payload[5]-- }},
		{name: "UDP to another port", is: anAnswer(), spoil: func(p *packet6) { p.payload[3] = 35 }},
		{name: "TCP", is: anAnswer(), spoil: func(p *packet6) { p.next = unix.IPPROTO_TCP }},
		{name: "another protocol", is: anAnswer(), spoil: func(p *packet6) { p.kind = unix.ETH_P_LOOPBACK }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.spoil != nil {
				tt.spoil(&tt.is)
			}
			frame := tt.is.bytes()
			if tt.after != nil {
				tt.after(frame)
			}
			if tt.cut > 0 {
				frame = frame[:tt.cut]
			}
			n, err := filter.Run(frame)
			if err != nil {
				t.Fatal(err)
			}
			got := nothing
			a, router := advertisement(frame, tt.unfinished)
			client, _, from, answer := dhcp6Answer(frame, tt.unfinished)
			_, question := solicitation(frame)
			switch {
			case n == 0:
			case router && a.Dropped != "":
				got = refused
			case router:
				got = advertised
				if a.Router != netip.MustParseAddr("fe80::1") || a.Multicast != (tt.is.dst == "ff02::1") {
					t.Errorf("%+v", a)
				}
			case answer:
				got = answered
				if client != [6]byte(testMAC) || from != netip.MustParseAddr("fe80::1") {
					t.Errorf("to %x from %s", client, from)
				}
			case question:
				got = solicited
			}
			if got != tt.want {
				t.Errorf("heard %d, want %d", got, tt.want)
			}
		})
	}
}

func FuzzIPv6(f *testing.F) {
	f.Add(aRouter().bytes())
	f.Add(anAnswer().bytes())
	f.Fuzz(func(t *testing.T, frame []byte) {
		solicitation(frame)
		if a, ok := advertisement(frame, true); ok && len(a.Message) < 8 {
			t.Errorf("%+v", a)
		}
		if _, msg, _, ok := dhcp6Answer(frame, true); ok && len(msg)+62 > len(frame) {
			t.Errorf("%d bytes of %d", len(msg), len(frame))
		}
	})
}
