package evidence

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

func TestTheRingKeepsTheNewest(t *testing.T) {
	r := ring{most: 3}
	start := time.Now().UnixNano()
	const n = 5000
	size := func(i int) int { return 4 + i%1500 }
	for i := range n {
		data := make([]byte, size(i))
		binary.NativeEndian.PutUint32(data, uint32(i))
		r.add(packet{time: start + int64(i), out: i%3 == 0, length: 2000, data: data})
	}
	if kept := len(r.packets()); kept+r.lost != n || kept < 2*chunkBytes/2000 || r.lost == 0 {
		t.Errorf("%d are kept and %d are lost, of %d", kept, r.lost, n)
	}
	room := 0
	for _, c := range r.chunks {
		room += cap(c.bytes)
	}
	if room != 3*chunkBytes {
		t.Errorf("the ring takes %d bytes, want %d", room, 3*chunkBytes)
	}
	next := r.lost
	for _, p := range r.packets() {
		if got := int(binary.NativeEndian.Uint32(p.data)); got != next || len(p.data) != size(next) ||
			p.time != start+int64(next) || p.out != (next%3 == 0) || p.length != 2000 {
			t.Fatalf("%d, out %t, at %d, with %d of %d bytes: is not packet %d", got, p.out, p.time, len(p.data), p.length, next)
		}
		next++
	}
	if next != n {
		t.Errorf("the last one is %d, want %d", next-1, n-1)
	}
}

func TestTheRingCountsSmallPackets(t *testing.T) {
	r := ring{most: 2}
	for range 3*chunkPackets + 1 {
		r.add(packet{})
	}
	if kept := len(r.packets()); kept != chunkPackets+1 || r.lost != 2*chunkPackets {
		t.Errorf("%d are kept and %d are lost", kept, r.lost)
	}
}

// The largest frame that there can be: what the filter keeps, and a VLAN tag.
func TestTheLargestFrameHasRoom(t *testing.T) {
	r := ring{most: 2}
	data := bytes.Repeat([]byte{1}, whole+4)
	for range 9 {
		r.add(packet{data: data, length: int32(len(data))})
	}
	for _, p := range r.packets() {
		if !bytes.Equal(p.data, data) {
			t.Fatal("it is not what was added")
		}
	}
	if len(r.packets())+r.lost != 9 || r.lost == 0 {
		t.Errorf("%d are kept and %d are lost, of 9", len(r.packets()), r.lost)
	}
}
