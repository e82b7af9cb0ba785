package wire

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Advertisement is a router advertisement as it came (RFC 4861 §4.2).
type Advertisement struct {
	Router    netip.Addr // who sent it; hosts take only a link-local address
	MAC       net.HardwareAddr
	Multicast bool   // or it is for one client
	Message   []byte // of ICMPv6; valid until the Handler returns
	Dropped   string // why hosts drop it (RFC 4861 §6.1.2); empty: they do not
}

// payload6 is what an IPv6 packet in an Ethernet frame carries: a message of
// ICMPv6 or a UDP datagram right behind the header, where DHCPv6 and neighbour
// discovery have it.
func payload6(frame []byte, protocol byte) (header, payload []byte, ok bool) {
	if len(frame) < ethernetLen+ipv6.HeaderLen+8 || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IPV6 {
		return nil, nil, false
	}
	header, payload = frame[ethernetLen:ethernetLen+ipv6.HeaderLen], frame[ethernetLen+ipv6.HeaderLen:]
	length := int(binary.BigEndian.Uint16(header[4:]))
	if header[6] != protocol || length < 8 || length > len(payload) { // shorter than the frame, which may be padded
		return nil, nil, false
	}
	return header, payload[:length], true
}

// sound6 checks the checksum of what is above IPv6 (RFC 8200 §8.1).
func sound6(header, payload []byte) bool {
	pseudo := packets.Sum(uint32(header[6])+uint32(len(payload)), header[8:])
	return packets.Checksum(packets.Sum(pseudo, payload)) == 0
}

// advertisement takes a router advertisement out of an Ethernet frame.
func advertisement(frame []byte, unfinished bool) (a Advertisement, ok bool) {
	header, msg, ok := payload6(frame, unix.IPPROTO_ICMPV6)
	if !ok || msg[0] != byte(ipv6.ICMPTypeRouterAdvertisement) {
		return a, false
	}
	const hopLimit, untouched = 7, 255
	a = Advertisement{
		Router: netip.AddrFrom16([16]byte(header[8:])), MAC: net.HardwareAddr(bytes.Clone(frame[6:12])),
		Multicast: header[24] == 0xff, Message: msg,
	}
	switch {
	case header[hopLimit] != untouched:
		a.Dropped = "its hop limit is not 255"
	case !a.Router.IsLinkLocalUnicast():
		a.Dropped = "its source is not a link-local address"
	case !unfinished && !sound6(header, msg):
		a.Dropped = "its checksum is wrong"
	}
	return a, true
}

// solicitation is by whom a router solicitation is.
func solicitation(frame []byte) (client [6]byte, ok bool) {
	_, msg, ok := payload6(frame, unix.IPPROTO_ICMPV6)
	if !ok || msg[0] != byte(ipv6.ICMPTypeRouterSolicitation) {
		return client, false
	}
	return [6]byte(frame[6:]), true
}

// dhcp6Answer takes a DHCPv6 message out of an Ethernet frame. What is damaged is
// passed over, as by a kernel.
func dhcp6Answer(frame []byte, unfinished bool) (client [6]byte, msg []byte, from netip.Addr, ok bool) {
	header, udp, ok := payload6(frame, unix.IPPROTO_UDP)
	if !ok || binary.BigEndian.Uint16(udp[2:]) != dhcpv6.DefaultClientPort || int(binary.BigEndian.Uint16(udp[4:])) != len(udp) ||
		!unfinished && !sound6(header, udp) {
		return client, nil, from, false
	}
	return [6]byte(frame), udp[udpLen:], netip.AddrFrom16([16]byte(header[8:])), true
}
