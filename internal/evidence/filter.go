package evidence

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// How much of a frame is kept, in bytes.
const (
	whole = 1 << 16
	head  = 512 // of ICMP and TCP
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

// Ports of DNS, DHCP (RFC 2131 §4.1) and DHCPv6 (RFC 8415 §7.2).
const (
	dns                        = 53
	dhcpServer, dhcpClient     = 67, 68
	dhcpv6Client, dhcpv6Server = 546, 547
)

// Scratch memory of the filter.
const (
	protocol = iota // that IP carries
	offset          // of a fragment; 0 for the first one, and for whole packets
)

type program = []bpf.Instruction

// keep ends the filter if A is v.
func keep(v, bytes uint32) program {
	return program{bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}, bpf.RetConstant{Val: bytes}}
}

// only runs then if A is v.
func only(v uint32, then program) program {
	return append(program{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: v, SkipTrue: uint8(len(then))}}, then...)
}

// ports keeps what comes from, or goes to, one of them.
func ports(bytes uint32, ports ...uint32) (p program) {
	for _, at := range []uint32{0, 2} {
		p = append(p, bpf.LoadIndirect{Off: network + at, Size: 2})
		for _, port := range ports {
			p = append(p, keep(port, bytes)...)
		}
	}
	return p
}

// filter chooses what is captured. The network's and the transport's part meet in
// the length of the IP header, in X, and in the scratch memory. Who reads beyond
// the end of a frame does not keep it.
func filter() program {
	load := func(off uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: size} }
	loadX := func(off uint32, size int) bpf.Instruction { return bpf.LoadIndirect{Off: network + off, Size: size} }
	store := func(n int) bpf.Instruction { return bpf.StoreScratch{Src: bpf.RegA, N: n} }
	recall := func(n int) bpf.Instruction { return bpf.LoadScratch{Dst: bpf.RegA, N: n} }
	alu := func(op bpf.ALUOp, v uint32) bpf.Instruction { return bpf.ALUOpConstant{Op: op, Val: v} }
	addX, toX := bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}
	drop := bpf.RetConstant{Val: 0}

	ipv4 := program{
		load(ipv4Fragment, 2), alu(bpf.ALUOpAnd, 0x1fff), store(offset),
		load(ipv4Protocol, 1), store(protocol),
		bpf.LoadMemShift{Off: network},
	}
	ipv6 := append(program{bpf.LoadConstant{Dst: bpf.RegX, Val: ipv6Len}, load(ipv6Next, 1), store(protocol)},
		only(unix.IPPROTO_HOPOPTS, program{ // which MLD has (RFC 8200 §4.3)
			loadX(0, 1), store(protocol),
			loadX(1, 1), alu(bpf.ALUOpAdd, 1), alu(bpf.ALUOpShiftLeft, 3), addX, toX,
		})...)

	// Only the first fragment has the ports.
	later := func(bytes uint32) program {
		return program{recall(offset), bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1}, bpf.RetConstant{Val: bytes}}
	}
	udp := slices.Concat(later(whole), ports(whole, dns, dhcpServer, dhcpClient, dhcpv6Client, dhcpv6Server), program{drop})
	// The head of a connection is its SYN, FIN and RST, and the beginning of each
	// HTTP message (RFC 9112 §2.1) and TLS handshake (RFC 8446 §5.1).
	const finSynRst, handshake = 0x07, 0x1603
	tcp := slices.Concat(
		later(0),
		program{loadX(13, 1), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: finSynRst, SkipFalse: 1}, bpf.RetConstant{Val: head}},
		ports(head, dns),
		program{loadX(12, 1), alu(bpf.ALUOpAnd, 0xf0), alu(bpf.ALUOpShiftRight, 2), addX, toX, loadX(0, 2)},
		keep(handshake, head),
		program{loadX(0, 4)},
	)
	for _, word := range []string{"HTTP", "GET ", "HEAD", "POST", "PUT "} {
		tcp = append(tcp, keep(binary.BigEndian.Uint32([]byte(word)), head)...)
	}
	tcp = append(tcp, drop)

	otherwise := append(only(unix.ETH_P_IPV6, append(ipv6, bpf.Jump{Skip: 1})), drop)
	return slices.Concat(
		program{bpf.LoadConstant{Dst: bpf.RegA}, store(offset), store(protocol)}, // or the kernel refuses it, as it does not see which way is taken
		program{load(etherType, 2)},
		keep(unix.ETH_P_ARP, whole),
		only(unix.ETH_P_IP, append(ipv4, bpf.Jump{Skip: uint32(len(otherwise))})), otherwise,
		program{recall(protocol)},
		keep(unix.IPPROTO_ICMP, head), keep(unix.IPPROTO_ICMPV6, head),
		only(unix.IPPROTO_UDP, udp), only(unix.IPPROTO_TCP, tcp), program{drop},
	)
}

// isDHCP reports whether a frame that the filter let pass is of DHCP or DHCPv6.
func isDHCP(frame []byte) bool {
	if len(frame) < network+ipv6Len {
		return false // ARP
	}
	at, carries := network+ipv6Len, frame[ipv6Next]
	if binary.BigEndian.Uint16(frame[etherType:]) == unix.ETH_P_IP {
		at, carries = network+int(frame[network]&0xf)*4, frame[ipv4Protocol]
	}
	if carries != unix.IPPROTO_UDP || len(frame) < at+4 {
		return false
	}
	switch binary.BigEndian.Uint16(frame[at+2:]) { // to
	case dhcpServer, dhcpClient, dhcpv6Client, dhcpv6Server:
		return true
	}
	return false
}
