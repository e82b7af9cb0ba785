package evidence

// packet is a frame as the wire carried it.
type packet struct {
	time   int64 // Unix, in ns
	length int32 // on the wire; data may have less
	out    bool  // sent by this machine
	data   []byte
}

// ring keeps the newest packets, in chunks: one after the other is filled, and
// the oldest is forgotten when there are too many.
type ring struct {
	chunks []*chunk // the oldest first
	most   int      // chunks
	lost   int      // packets that were forgotten
}

type chunk struct {
	bytes   []byte // of its packets
	packets []packet
}

const (
	chunkBytes   = 256 << 10
	chunkPackets = 2048
)

// add takes a copy of p.
func (r *ring) add(p packet) {
	n := len(r.chunks)
	if n == 0 || len(r.chunks[n-1].packets) == chunkPackets || len(r.chunks[n-1].bytes)+len(p.data) > chunkBytes {
		r.chunks = append(r.chunks, &chunk{make([]byte, 0, chunkBytes), make([]packet, 0, chunkPackets)})
		if n == r.most {
			r.lost += len(r.chunks[0].packets)
			r.chunks = r.chunks[1:]
		}
	}
	c := r.chunks[len(r.chunks)-1]
	at := len(c.bytes)
	c.bytes = append(c.bytes, p.data...)
	p.data = c.bytes[at:]
	c.packets = append(c.packets, p)
}

// packets are all that there are, the oldest first.
func (r *ring) packets() (all []packet) {
	for _, c := range r.chunks {
		all = append(all, c.packets...)
	}
	return all
}
