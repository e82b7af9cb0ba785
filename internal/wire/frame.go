package wire

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

const (
	ethernetLen = 14
	ipv4Len     = 20 // without options
	udpLen      = 8
	arpLen      = 28 // of Ethernet and IPv4 (RFC 826)
	chaddrAt    = 28 // in a DHCP message (RFC 2131 §2)
)

var everybody = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// dhcpFrame is a DHCP message to a client, as it came.
type dhcpFrame struct {
	client [6]byte
	from   net.HardwareAddr
	ip     []byte // header
	udp    []byte // header and message
	msg    []byte
}

// dhcpAnswer takes a DHCP message out of an Ethernet frame that the filter let
// pass. It wants the frame addressed to the client that the message is for, as
// the client's link would.
func dhcpAnswer(frame []byte) (a dhcpFrame, ok bool) {
	if len(frame) < ethernetLen+ipv4Len || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IP {
		return a, false
	}
	ip := frame[ethernetLen:]
	headerLen := int(ip[0]&0xf) * 4
	if headerLen < ipv4Len || len(ip) < headerLen+udpLen {
		return a, false
	}
	a.ip, a.udp = ip[:headerLen], ip[headerLen:]
	length := int(binary.BigEndian.Uint16(a.udp[4:]))
	if length < udpLen+chaddrAt+len(a.client) || length > len(a.udp) { // shorter than the frame, which may be padded
		return a, false
	}
	a.udp = a.udp[:length]
	a.msg = a.udp[udpLen:]
	to := [6]byte(frame)
	a.from = net.HardwareAddr(frame[6:12])
	a.client = [6]byte(a.msg[chaddrAt:])
	return a, to == a.client || to == [6]byte(everybody)
}

// wrong names the layer whose checksum is wrong: a kernel drops such a packet.
// Of UDP it need not be looked at when it is unfinished, or left out.
func (a dhcpFrame) wrong(unfinished bool) string {
	if packets.Checksum(packets.Sum(0, a.ip)) != 0 {
		return "IP"
	}
	if unfinished || binary.BigEndian.Uint16(a.udp[6:]) == 0 {
		return ""
	}
	pseudo := packets.Sum(unix.IPPROTO_UDP+uint32(len(a.udp)), a.ip[12:20])
	if packets.Checksum(packets.Sum(pseudo, a.udp)) != 0 {
		return "UDP"
	}
	return ""
}

// arpRequest is an Ethernet frame with a request by ARP to everybody. A sender
// of 0.0.0.0 makes it a probe (RFC 5227 §2.1.1).
func arpRequest(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	frame := make([]byte, 0, ethernetLen+arpLen)
	frame = append(append(frame, everybody...), mac...)
	frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_ARP)
	frame = append(frame, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, their lengths, request
	frame = append(append(frame, mac...), sender.AsSlice()...)
	frame = append(frame, 0, 0, 0, 0, 0, 0)
	return append(frame, target.AsSlice()...)
}

// arpClaim is who says in this frame, by ARP, that it has which address.
func arpClaim(frame []byte) (owner net.HardwareAddr, addr netip.Addr, ok bool) {
	if len(frame) < ethernetLen+arpLen || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_ARP {
		return nil, addr, false
	}
	arp := frame[ethernetLen:]
	if [6]byte(arp) != [6]byte{0, 1, 8, 0, 6, 4} {
		return nil, addr, false
	}
	addr = netip.AddrFrom4([4]byte(arp[14:]))
	return net.HardwareAddr(arp[8:14]), addr, !addr.IsUnspecified() // which a probe comes from
}
