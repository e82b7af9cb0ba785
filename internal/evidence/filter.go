package evidence

import (
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// How much of a frame is kept, in bytes.
const (
	whole = 1 << 16
	head  = 512 // of ICMP and TCP, and of ICMPv6 errors and pings
)

// Offsets in an Ethernet frame.
const (
	etherType    = 12
	network      = 14 // header of IP
	ipv4Fragment = network + 6
	ipv4Protocol = network + 9
	ipv6Next     = network + 6
	ipv6Len      = 40
)

const dns = 53

// dhcp are the ports of DHCP (RFC 2131 §4.1) and DHCPv6 (RFC 8415 §7.2).
var dhcp = []uint32{67, 68, 546, 547}

type program = []bpf.Instruction

// when runs then if A is so.
func when(is bpf.JumpTest, v uint32, then ...bpf.Instruction) program {
	return append(program{bpf.JumpIf{Cond: is, Val: v, SkipFalse: uint8(len(then))}}, then...)
}

// keep ends the filter if A is v.
func keep(v, bytes uint32) program {
	return when(bpf.JumpEqual, v, bpf.RetConstant{Val: bytes})
}

// ports keeps what comes from, or goes to, one of them. X is the length of the
// IP header.
func ports(bytes uint32, ports ...uint32) (p program) {
	for _, at := range []uint32{0, 2} {
		p = append(p, bpf.LoadIndirect{Off: network + at, Size: 2})
		for _, port := range ports {
			p = append(p, keep(port, bytes)...)
		}
	}
	return p
}

// filter chooses what is captured. Who reads beyond the end of a frame does not
// keep it.
func filter() program {
	load := func(off uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: size} }
	drop := bpf.RetConstant{Val: 0}

	udp := append(ports(whole, append(dhcp, dns)...), drop)
	const finSynRst = 0x07
	tcp := slices.Concat(
		program{bpf.LoadIndirect{Off: network + 13, Size: 1}},
		when(bpf.JumpBitsSet, finSynRst, bpf.RetConstant{Val: head}),
		ports(head, dns), program{drop})
	const firstOfMLD = 130 // below it errors and pings, then MLD and neighbour discovery (RFC 4443 §2.1)
	icmp6 := slices.Concat(
		program{bpf.LoadIndirect{Off: network, Size: 1}},
		when(bpf.JumpGreaterOrEqual, firstOfMLD, bpf.RetConstant{Val: whole}), program{bpf.RetConstant{Val: head}})
	transport := slices.Concat( // of A
		keep(unix.IPPROTO_ICMP, head), when(bpf.JumpEqual, unix.IPPROTO_ICMPV6, icmp6...),
		when(bpf.JumpEqual, unix.IPPROTO_UDP, udp...), when(bpf.JumpEqual, unix.IPPROTO_TCP, tcp...), program{drop})

	// Only the first fragment has the ports.
	laterFragment := slices.Concat(program{load(ipv4Protocol, 1)}, keep(unix.IPPROTO_UDP, whole), keep(unix.IPPROTO_ICMP, head), program{drop})
	ipv4 := slices.Concat(
		program{load(ipv4Fragment, 2)}, when(bpf.JumpBitsSet, 0x1fff, laterFragment...),
		program{bpf.LoadMemShift{Off: network}, load(ipv4Protocol, 1)}, transport)
	ipv6 := slices.Concat(
		program{bpf.LoadConstant{Dst: bpf.RegX, Val: ipv6Len}, load(ipv6Next, 1)},
		keep(unix.IPPROTO_HOPOPTS, whole), // of MLD, and of little else (RFC 8200 §4.3)
		transport)
	return slices.Concat(
		program{load(etherType, 2)}, keep(unix.ETH_P_ARP, whole),
		when(bpf.JumpEqual, unix.ETH_P_IP, ipv4...), when(bpf.JumpEqual, unix.ETH_P_IPV6, ipv6...), program{drop})
}

// assigns reports whether hosts get addresses by a frame: whether it goes to a port
// of DHCP or DHCPv6, or is a router solicitation or advertisement (RFC 4861).
func assigns(frame []byte) bool {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	if icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6); ok {
		t := icmp.TypeCode.Type()
		return t == layers.ICMPv6TypeRouterSolicitation || t == layers.ICMPv6TypeRouterAdvertisement
	}
	udp, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	return ok && slices.Contains(dhcp, uint32(udp.DstPort))
}
