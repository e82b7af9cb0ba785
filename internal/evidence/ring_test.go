package evidence

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
)

func TestTheRingKeepsTheNewest(t *testing.T) {
	const most, n = 1 << 20, 5000
	r := ring{most: most}
	start := time.Now().UnixNano()
	size := func(i int) int { return 4 + i%1500 }
	for i := range n {
		data := make([]byte, size(i))
		binary.NativeEndian.PutUint32(data, uint32(i))
		r.add(packet{time: start + int64(i), out: i%3 == 0, length: 2000, data: data})
		if r.bytes > most {
			t.Fatalf("the ring takes %d bytes, want %d", r.bytes, most)
		}
	}
	if kept := len(r.packets); kept+r.lost != n || kept < most/3/1500 || r.lost == 0 {
		t.Errorf("%d are kept and %d are lost, of %d", kept, r.lost, n)
	}
	next, bytes := r.lost, 0
	for _, p := range r.packets {
		if got := int(binary.NativeEndian.Uint32(p.data)); got != next || len(p.data) != size(next) ||
			p.time != start+int64(next) || p.out != (next%3 == 0) || p.length != 2000 {
			t.Fatalf("%d, out %t, at %d, with %d of %d bytes: is not packet %d", got, p.out, p.time, len(p.data), p.length, next)
		}
		next++
		bytes += packetBytes + len(p.data)
	}
	if next != n || bytes != r.bytes {
		t.Errorf("the last one is %d, want %d; they take %d bytes, the ring counts %d", next-1, n-1, bytes, r.bytes)
	}
}

func TestTheRingCountsSmallPackets(t *testing.T) {
	const most, n = 100, 350
	r := ring{most: most * packetBytes}
	for range n {
		r.add(packet{})
	}
	if kept := len(r.packets); kept > most || kept < most/2 || kept+r.lost != n {
		t.Errorf("%d are kept and %d are lost", kept, r.lost)
	}
}

// Many pings do not push out what clients said to the DHCP server before.
func TestTheRingKeepsDHCP(t *testing.T) {
	dhcp := frameOf(t, over4(layers.IPProtocolUDP, udp(68, 67)...)...)
	ping := frameOf(t, over4(layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: 8 << 8}, payload(56))...)
	const most, messages, pings = 1 << 20, 100, 100_000
	r := ring{most: most}
	for i := range messages {
		r.add(packet{data: dhcp, time: int64(i)})
	}
	for range pings {
		r.add(packet{data: ping})
	}
	for i := range messages {
		if p := r.packets[i]; !assigns(p.data) || p.time != int64(i) {
			t.Fatalf("message %d is gone", i)
		}
	}
	if kept := len(r.packets); kept+r.lost != messages+pings || kept < most/3/(packetBytes+len(ping)) || r.bytes > most {
		t.Errorf("%d are kept and %d are lost, in %d bytes", kept, r.lost, r.bytes)
	}
	for range pings { // they do each other
		r.add(packet{data: dhcp})
	}
	if kept := len(r.packets); kept+r.lost != messages+2*pings || r.bytes > most {
		t.Errorf("%d are kept and %d are lost, in %d bytes", kept, r.lost, r.bytes)
	}
}

// The largest frame that there can be: what the filter keeps, and a VLAN tag.
func TestTheLargestFrameHasRoom(t *testing.T) {
	data := bytes.Repeat([]byte{1}, whole+4)
	r := ring{most: 3 * len(data)}
	for range 9 {
		r.add(packet{data: data, length: int32(len(data))})
	}
	for _, p := range r.packets {
		if !bytes.Equal(p.data, data) {
			t.Fatal("it is not what was added")
		}
	}
	if len(r.packets)+r.lost != 9 || r.lost == 0 {
		t.Errorf("%d are kept and %d are lost, of 9", len(r.packets), r.lost)
	}
}
