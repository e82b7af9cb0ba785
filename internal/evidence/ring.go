package evidence

import "slices"

// packet is a frame as the wire carried it.
type packet struct {
	time   int64 // Unix, in ns
	length int32 // on the wire; data may have less
	out    bool  // sent by this machine
	data   []byte
}

// mostBytes holds a minute of pings of a thousand clients. What a packet takes
// besides its data is packetBytes.
const mostBytes, packetBytes = 28 << 20, 64

// ring keeps the newest packets, the oldest first.
type ring struct {
	packets     []packet
	most, bytes int // that they may take, and take
	lost        int // packets that were forgotten
}

func (r *ring) add(p packet) {
	r.packets = append(r.packets, p)
	if r.bytes += packetBytes + len(p.data); r.bytes > r.most {
		r.forget()
	}
}

// forget forgets the older half, but for DHCP, so that many pings do not push out
// its few messages. Many messages of DHCP push each other out.
func (r *ring) forget() {
	n := len(r.packets)
	half := slices.Clone(r.packets[:n/2])
	kept := slices.DeleteFunc(half, func(p packet) bool { return !isDHCP(p.data) })
	if len(kept) > n/4 {
		kept = nil
	}
	r.packets = append(kept, r.packets[n/2:]...)
	r.lost += n - len(r.packets)
	r.bytes = 0
	for _, p := range r.packets {
		r.bytes += packetBytes + len(p.data)
	}
}
