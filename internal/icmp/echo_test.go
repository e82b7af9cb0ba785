package icmp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/lanstorm/lanstorm/internal/packets"
)

var us = netip.MustParseAddr("10.77.0.10")

// echoReply is what comes back for request seq of e, changed by change.
func echoReply(tb testing.TB, e echo, seq uint32, options int, change func(icmp []byte)) []byte {
	var msg [headerLen + echoPayloadLen]byte
	e.request(&msg, icmp4, seq)
	msg[0] = byte(ipv4.ICMPTypeEchoReply)
	if change != nil {
		change(msg[:])
	}
	binary.BigEndian.PutUint16(msg[2:], 0)
	binary.BigEndian.PutUint16(msg[2:], packets.Checksum(packets.Sum(0, msg[:])))
	return ipPacket(tb, googleDNS, us, options, msg[:])
}

// echoReply6 is the same of ICMPv6, with the checksum that the kernel has seen.
func echoReply6(e echo, seq uint32, change func(icmp []byte)) []byte {
	var msg [headerLen + echoPayloadLen]byte
	e.request(&msg, icmp6, seq)
	msg[0] = byte(ipv6.ICMPTypeEchoReply)
	if change != nil {
		change(msg[:])
	}
	return msg[:]
}

func TestARequestIsWhatOthersTakeForOne(t *testing.T) {
	for _, f := range []*family{icmp4, icmp6} {
		e := newEcho()
		var msg [headerLen + echoPayloadLen]byte
		e.request(&msg, f, 0x12345)
		parsed, err := icmp.ParseMessage(f.protocol, msg[:])
		if err != nil {
			t.Fatal(err)
		}
		body, ok := parsed.Body.(*icmp.Echo)
		if !ok || parsed.Type != f.request || body.ID != int(e.id) || body.Seq != 0x2345 || len(body.Data) != 56 {
			t.Errorf("%+v %+v", parsed, body)
		}
		again, err := parsed.Marshal(nil) // with x/net's checksum, if it is ICMP
		if err != nil || !slices.Equal(again, msg[:]) {
			t.Errorf("%x, by x/net %x (%v)", msg, again, err)
		}
	}
}

func TestOnlyOwnRepliesAreTaken(t *testing.T) {
	e, other := echo{id: 7, token: [8]byte{1, 2, 3}}, echo{id: 7, token: [8]byte{1, 2, 4}}
	sound := echoReply(t, e, 70000, 0, nil)
	flipped := slices.Clone(sound)
	flipped[60] ^= 4
	for _, tt := range []struct {
		name   string
		packet []byte
		ok     bool
	}{
		{"a reply", sound, true},
		{"IP options", echoReply(t, e, 70000, 8, nil), true},
		{"of another run", echoReply(t, other, 70000, 0, nil), false},
		{"of another program", echoReply(t, e, 70000, 0, func(m []byte) { m[5]++ }), false},
		{"a request", echoReply(t, e, 70000, 0, func(m []byte) { m[0] = 8 }), false},
		{"a code", echoReply(t, e, 70000, 0, func(m []byte) { m[1] = 1 }), false},
		{"a bit flipped on the way", flipped, false},
		{"a payload that is not what was sent", echoReply(t, e, 70000, 0, func(m []byte) { m[40]++ }), false},
		{"a payload cut off", sound[:len(sound)-1], false},
		{"a payload and more", append(slices.Clone(sound), 0), false},
		{"no payload", sound[:ipv4.HeaderLen+headerLen], false},
		{"half an ICMP header", sound[:ipv4.HeaderLen+4], false},
		{"an IP header", sound[:ipv4.HeaderLen], false},
		{"a header longer than its packet", append([]byte{0x4f}, sound[1:60]...), false},
		{"a header too short", append([]byte{0x41}, sound[1:]...), false},
		{"IPv6", append([]byte{0x65}, sound[1:]...), false},
		{"UDP", slices.Replace(slices.Clone(sound), 9, 10, 17), false},
		{"nothing", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if seq, ok := e.reply(icmp4, tt.packet); ok != tt.ok || ok && seq != 70000 {
				t.Errorf("%d, %t", seq, ok)
			}
		})
	}
	sound = echoReply6(e, 70000, nil)
	for _, tt := range []struct {
		name   string
		packet []byte
		ok     bool
	}{
		{"a reply", sound, true},
		{"of another run", echoReply6(other, 70000, nil), false},
		{"of another program", echoReply6(e, 70000, func(m []byte) { m[5]++ }), false},
		{"a request", echoReply6(e, 70000, func(m []byte) { m[0] = 128 }), false},
		{"a reply of IPv4", echoReply6(e, 70000, func(m []byte) { m[0] = 0 }), false},
		{"a code", echoReply6(e, 70000, func(m []byte) { m[1] = 1 }), false},
		{"a payload cut off", sound[:len(sound)-1], false},
		{"half a header", sound[:4], false},
		{"nothing", nil, false},
	} {
		t.Run("ICMPv6: "+tt.name, func(t *testing.T) {
			if seq, ok := e.reply(icmp6, tt.packet); ok != tt.ok || ok && seq != 70000 {
				t.Errorf("%d, %t", seq, ok)
			}
		})
	}
}

func TestADepartureIsRecognisedBehindAnyHeaders(t *testing.T) {
	e := newEcho()
	packet := echoReply(t, e, 9, 4, nil)
	if seq, ok := e.departed(append(make([]byte, 14), packet...)); !ok || seq != 9 {
		t.Errorf("%d, %t", seq, ok)
	}
	for _, packet := range [][]byte{nil, packet[:40], echoReply(t, newEcho(), 9, 0, nil)} {
		if _, ok := e.departed(packet); ok {
			t.Errorf("%x is not ours", packet)
		}
	}
}

func FuzzEchoReply(f *testing.F) {
	e := echo{id: 7, token: [8]byte{1, 2, 3}}
	f.Add(echoReply(f, e, 1, 0, nil))
	f.Add(echoReply(f, e, 1<<31, 40, nil))
	f.Add(unreachablePacket(f, 1, 0, pinged(f, googleDNS, 0)))
	f.Add([]byte{0x4f})
	f.Add(echoReply6(e, 1, nil))
	f.Fuzz(func(t *testing.T, packet []byte) {
		e.departed(packet)
		if seq, ok := e.reply(icmp6, packet); ok {
			if got, ok := e.departed(packet); !ok || got != seq || packet[0] != 129 {
				t.Errorf("sequence number %d, at the end %d: %x", seq, got, packet)
			}
		}
		seq, ok := e.reply(icmp4, packet)
		if !ok {
			return
		}
		h, err := ipv4.ParseHeader(packet)
		if err != nil {
			t.Fatal(err)
		}
		msg, err := icmp.ParseMessage(1, packet[h.Len:])
		if err != nil || msg.Type != ipv4.ICMPTypeEchoReply {
			t.Fatalf("x/net takes it for %+v (%v)", msg, err)
		}
		if got, ok := e.sequence(msg.Body.(*icmp.Echo).Data); !ok || got != seq {
			t.Errorf("sequence number %d, from x/net %d (%t)", seq, got, ok)
		}
	})
}
