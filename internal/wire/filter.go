package wire

import (
	"encoding/binary"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// answersTo accepts what clients whose MAC addresses begin as mac does are to
// hear, and those are all clients of this machine: ARP; UDP over IPv4 to the DHCP
// client port with such a chaddr; UDP over IPv6 to that of DHCPv6, in a frame to
// such a client; and router solicitations and advertisements.
func answersTo(mac net.HardwareAddr) []bpf.Instruction {
	const (
		etherType        = 12
		flagsAndFragment = ethernetLen + 6
		protocol         = ethernetLen + 9
		udpDestination   = ethernetLen + 2 // behind the IPv4 header
		chaddr           = ethernetLen + udpLen + chaddrAt
		next6            = ethernetLen + 6
		type6            = ethernetLen + ipv6.HeaderLen
		udpDestination6  = ethernetLen + ipv6.HeaderLen + 2
	)
	prefix := binary.BigEndian.Uint32(mac)
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 21},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 10},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 20},
		bpf.LoadAbsolute{Off: protocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 18},
		bpf.LoadAbsolute{Off: flagsAndFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 16},
		bpf.LoadMemShift{Off: ethernetLen}, // X = length of the IPv4 header
		bpf.LoadIndirect{Off: udpDestination, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpv4.ClientPort, SkipTrue: 13},
		bpf.LoadIndirect{Off: chaddr, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 10, SkipFalse: 11},
		// IPv6
		bpf.LoadAbsolute{Off: next6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 8},
		bpf.LoadAbsolute{Off: udpDestination6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpv6.DefaultClientPort, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 3, SkipFalse: 4},
		bpf.LoadAbsolute{Off: type6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(ipv6.ICMPTypeRouterAdvertisement), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(ipv6.ICMPTypeRouterSolicitation), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}
