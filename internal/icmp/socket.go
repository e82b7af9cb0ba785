package icmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// openRaw opens a raw ICMP socket (raw(7)) that hears messages of these types.
func (f *family) openRaw(types ...icmp.Type) (fd int, err error) {
	fd, err = unix.Socket(f.domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, f.protocol)
	if err != nil {
		return -1, fmt.Errorf("ICMP socket: %w", err)
	}
	var keptOut unix.ICMPv6Filter // bit n set keeps type n out; for ICMP the first 32
	for i := range keptOut.Data {
		keptOut.Data[i] = math.MaxUint32
	}
	for _, t := range types {
		keptOut.Data[number(t)/32] &^= 1 << (number(t) % 32)
	}
	if f == icmp6 {
		err = unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &keptOut)
	} else {
		// The constants are those of linux/icmp.h, which x/sys lacks.
		const solRaw, icmpFilter = 255, 1
		err = unix.SetsockoptInt(fd, solRaw, icmpFilter, int(int32(keptOut.Data[0])))
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("ICMP filter: %w", err)
	}
	return fd, nil
}

// open opens a raw ICMP socket of the client that hears replies to echo requests
// with the identifier id, and ICMP errors. The caller closes it.
func (c Client) open(id uint16) (fd int, err error) {
	open := func() (err error) {
		fd, err = c.family().openRaw(append([]icmp.Type{c.family().reply}, c.family().errors...)...)
		return err
	}
	if c.NS != nil {
		err = c.NS.Do(open)
	} else {
		err = open()
	}
	if err != nil {
		return -1, err
	}
	if c.link != "" {
		err = unix.BindToDevice(fd, c.link)
	}
	if err == nil {
		err = c.family().equip(fd, id)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (f *family) equip(fd int, id uint16) error {
	stamps := unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	return errors.Join(
		option("ICMP socket: BPF filter", packets.Filter(fd, f.repliesTo(id))),
		// The kernel must not make a time up where it has none, as it does for
		// SO_TIMESTAMPNS (sock.h). _NEW has 64 bits on every machine.
		option("ICMP socket: timestamps", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, stamps)),
		// Otherwise a raw socket is not told that the send queue was full (raw.c).
		option("ICMP socket: errors", unix.SetsockoptInt(fd, f.level, f.recvErr, 1)),
	)
}

func option(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// repliesTo accepts ICMP messages with the identifier id, and those that are
// no echo replies. Offsets count from the IPv4 header (net/ipv4/raw.c), but from
// behind that of IPv6 (net/ipv6/raw.c).
func (f *family) repliesTo(id uint16) []bpf.Instruction {
	const icmpType, icmpID = 0, 4
	var begin bpf.Instruction = bpf.LoadMemShift{Off: 0} // X = length of the IPv4 header
	if f == icmp6 {
		begin = bpf.LoadConstant{Dst: bpf.RegX, Val: 0}
	}
	return []bpf.Instruction{
		begin,
		bpf.LoadIndirect{Off: icmpType, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(number(f.reply)), SkipTrue: 2},
		bpf.LoadIndirect{Off: icmpID, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(id), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// sendEcho hands an ICMP message to the kernel. A full queue of ours is
// unix.ENOBUFS or unix.EAGAIN.
func sendEcho(fd int, msg []byte, to netip.Addr) error {
	sa := packets.Sockaddr(netip.AddrPortFrom(to, 0))
	err := unix.Sendto(fd, msg, 0, sa)
	if err != nil && !packets.QueueFull(err) {
		// With IP_RECVERR or IPV6_RECVERR, an ICMP error about an earlier request is reported by
		// whatever system call comes next, once.
		err = unix.Sendto(fd, msg, 0, sa)
	}
	return err
}

// scmTimestamping is the type of the control message that SO_TIMESTAMPING_NEW
// asks for: three pairs of 64-bit seconds and nanoseconds, of which the first
// is the software's (timestamping.rst §2.1.1).
const scmTimestamping = unix.SO_TIMESTAMPING_NEW

// readStamped reads a packet, whose it is, and the time that the kernel put on it in
// nanoseconds of the wall clock, 0 if it put none. flags is 0 for what was
// received, unix.MSG_ERRQUEUE for what was sent and for errors. The error is
// unix.EAGAIN when there is nothing to read.
func readStamped(fd int, packet, control []byte, flags int) (n int, from netip.Addr, stamp int64, err error) {
	n, controlLen, _, sa, err := unix.Recvmsg(fd, packet, control, flags)
	if err != nil {
		return 0, from, 0, err
	}
	for rest := control[:controlLen]; len(rest) >= unix.SizeofCmsghdr; {
		var h unix.Cmsghdr
		var data []byte
		if h, data, rest, err = unix.ParseOneSocketControlMessage(rest); err != nil {
			break
		}
		const eeOrigin = 4 // in struct sock_extended_err
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == scmTimestamping && len(data) >= 16:
			stamp = int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		case (h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR || h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR) &&
			len(data) > eeOrigin && data[eeOrigin] != unix.SO_EE_ORIGIN_TIMESTAMPING:
			return n, from, 0, nil // an ICMP error: the time is when that came
		}
	}
	return n, packets.From(sa), stamp, nil
}

// overflows is how many packets the socket had no room for, those included that
// its filter would have refused (raw_v4_input and ipv6_raw_deliver in raw.c). It is the counter of
// SO_RXQ_OVFL (socket(7)), but up to date: that one comes with the next packet,
// if there is one.
func overflows(fd int) int {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	var info [16]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return int(info[drops])
}
