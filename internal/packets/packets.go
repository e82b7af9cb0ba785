// Package packets is what those who send packets by themselves have in common:
// checksums, socket filters, full queues and the waits between two packets.
package packets

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Sum adds the 16-bit words of b to s, as RFC 1071 does.
func Sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// Checksum is the one of RFC 1071 of a Sum: zero over what holds its own.
func Checksum(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Htons is v in the byte order of the network, as the kernel wants protocols
// (packet(7)).
func Htons(v uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v)) }

// Addr4 is the IPv4 address in ip, invalid when there is none.
func Addr4(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

// Sockaddr is an address as system calls take it. Its zone, if it has one, is the
// index of a link.
func Sockaddr(to netip.AddrPort) unix.Sockaddr {
	addr, port := to.Addr(), int(to.Port())
	if addr.Is4() {
		return &unix.SockaddrInet4{Addr: addr.As4(), Port: port}
	}
	zone, _ := strconv.ParseUint(addr.Zone(), 10, 32)
	return &unix.SockaddrInet6{Addr: addr.As16(), Port: port, ZoneId: uint32(zone)}
}

// From is the address in what a system call says, invalid when there is none.
func From(s unix.Sockaddr) netip.Addr {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(s.Addr)
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(s.Addr)
		if s.ZoneId != 0 {
			addr = addr.WithZone(strconv.Itoa(int(s.ZoneId)))
		}
		return addr
	}
	return netip.Addr{}
}

// Filter has the kernel hand on only what program accepts (socket(7),
// SO_ATTACH_FILTER).
func Filter(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, f := range raw {
		filter[i] = unix.SockFilter{Code: f.Op, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// QueueFull reports whether a packet was not sent because a queue of this
// machine was full: it may be sent again.
func QueueFull(err error) bool { return errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EAGAIN) }

// Pause waits for d, or for the end of ctx, whose cause it then returns.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Jitter spreads d by a quarter either way, so that many do not send again at one
// moment.
func Jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// Control is what the kernel tells of a received packet: by PACKET_AUXDATA
// (linux/if_packet.h), and by SO_TIMESTAMPNS_NEW. What it does not tell is zero.
type Control struct {
	Auxdata
	Time int64 // Unix, in ns
}

// Auxdata is struct tpacket_auxdata.
type Auxdata struct {
	Status, Len, Snaplen         uint32
	Mac, Net, VLAN, VLANProtocol uint16
}

// ReadControl reads control messages.
func ReadControl(control []byte) (c Control) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return c
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= int(unsafe.Sizeof(c.Auxdata)):
			c.Auxdata = *(*Auxdata)(unsafe.Pointer(&m.Data[0]))
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS_NEW && len(m.Data) >= 16:
			c.Time = int64(binary.NativeEndian.Uint64(m.Data))*1e9 + int64(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return c
}
