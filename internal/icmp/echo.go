package icmp

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// echo makes and recognises the echo requests of one ProbeAll (RFC 792, RFC 4443).
//
//	ICMP header   type, code, checksum, identifier, the low half of the sequence number
//	payload       8 bytes token, 4 bytes sequence number, padding
//
// The identifier is random, but other programs ping as well and routers
// rewrite identifiers (RFC 3022 §4.1), so it is the token that makes a reply ours. 16
// bits of sequence number would begin anew after some minutes of fast pings.
type echo struct {
	id    uint16
	token [8]byte
}

const (
	headerLen      = 8
	echoTokenLen   = 8
	echoSeqLen     = 4
	echoPayloadLen = 56 // as that of ping(8)
)

// echoPadding fills the payload.
var echoPadding = bytes.Repeat([]byte("lanstorm"), echoPayloadLen/8)[:echoPayloadLen-echoTokenLen-echoSeqLen]

func newEcho() (e echo) {
	e.id = uint16(rand.Uint32())
	binary.BigEndian.PutUint64(e.token[:], rand.Uint64())
	return e
}

// request writes an echo request into b, as it is handed to a raw socket:
// without the IP header. The checksum of ICMPv6 is the kernel's (RFC 3542 §3.1).
func (e echo) request(b *[headerLen + echoPayloadLen]byte, f *family, seq uint32) {
	*b = [len(b)]byte{0: number(f.request)}
	binary.BigEndian.PutUint16(b[4:], e.id)
	binary.BigEndian.PutUint16(b[6:], uint16(seq))
	payload := b[headerLen:]
	copy(payload, e.token[:])
	binary.BigEndian.PutUint32(payload[echoTokenLen:], seq)
	copy(payload[echoTokenLen+echoSeqLen:], echoPadding)
	if f == icmp4 {
		binary.BigEndian.PutUint16(b[2:], packets.Checksum(packets.Sum(0, b[:])))
	}
}

// message is the ICMP message in what comes from a raw socket: behind an IPv4
// header, but without one of IPv6. It is nil when there is none.
func (f *family) message(packet []byte) []byte {
	if f == icmp6 {
		return packet
	}
	if len(packet) < ipv4.HeaderLen || packet[0]>>4 != ipv4.Version || packet[9] != unix.IPPROTO_ICMP {
		return nil
	}
	ipLen := int(packet[0]&0x0f) * 4
	if ipLen < ipv4.HeaderLen || len(packet) < ipLen {
		return nil
	}
	return packet[ipLen:]
}

// reply reads a packet, as it comes from a raw socket, with a sound reply to a
// request of ours.
func (e echo) reply(f *family, packet []byte) (seq uint32, ok bool) {
	msg := f.message(packet)
	if len(msg) < headerLen || msg[0] != number(f.reply) || msg[1] != 0 || binary.BigEndian.Uint16(msg[4:]) != e.id {
		return 0, false
	}
	// Raw sockets get their copy before the kernel looks at the checksum of ICMP
	// (ip_input.c), but not before it looks at that of ICMPv6 (raw.c).
	if f == icmp4 && packets.Checksum(packets.Sum(0, msg)) != 0 {
		return 0, false
	}
	return e.sequence(msg[headerLen:])
}

// sequence reads the payload of a request or reply of ours.
func (e echo) sequence(payload []byte) (seq uint32, ok bool) {
	if len(payload) != echoPayloadLen || !bytes.HasPrefix(payload, e.token[:]) || !bytes.HasSuffix(payload, echoPadding) {
		return 0, false
	}
	return binary.BigEndian.Uint32(payload[echoTokenLen:]), true
}

// departed reads what the kernel hands back of a request that it has sent:
// the packet with the headers that it had by then, whatever they were.
func (e echo) departed(packet []byte) (seq uint32, ok bool) {
	return e.sequence(packet[max(0, len(packet)-echoPayloadLen):])
}
