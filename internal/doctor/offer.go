package doctor

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// offer is what one DHCP server offered.
type offer struct {
	Server  netip.Addr   // as the server identifies itself, else where the OFFER came from
	MAC     string       // where the OFFER came from, a relay's perhaps
	Address netip.Prefix // with 0 bits when the OFFER names no subnet
}

// parseOffer reads an IPv4 packet from the LAN, and reports whether it is an
// OFFER to the client that sent discover.
func parseOffer(p []byte, mac string, discover *dhcpv4.DHCPv4) (o offer, is bool) {
	from, payload, is := udpPayload(p, dhcpv4.ClientPort)
	if !is {
		return o, false
	}
	m, err := dhcpv4.FromBytes(payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || m.MessageType() != dhcpv4.MessageTypeOffer ||
		m.TransactionID != discover.TransactionID || !bytes.Equal(m.ClientHWAddr, discover.ClientHWAddr) {
		return o, false
	}
	address, is := netip.AddrFromSlice(m.YourIPAddr.To4())
	if !is || address.IsUnspecified() {
		return o, false
	}
	o = offer{Server: from, MAC: mac, Address: netip.PrefixFrom(address, 0)}
	if id, ok := netip.AddrFromSlice(m.ServerIdentifier().To4()); ok && !id.IsUnspecified() {
		o.Server = id
	}
	if mask := m.SubnetMask(); len(mask) == net.IPv4len {
		bits, _ := mask.Size() // 0 for a mask with gaps
		o.Address = netip.PrefixFrom(address, bits)
	}
	return o, true
}

// udpPayload takes UDP (RFC 768) to the given port out of IPv4 (RFC 791).
// Checksums are the kernel's business, and often left to hardware.
func udpPayload(p []byte, port uint16) (from netip.Addr, payload []byte, is bool) {
	const (
		totalLength      = 2
		flagsAndFragment = 6
		protocol         = 9
		source           = 12
		minHeader        = 20
		udpHeader        = 8
	)
	if len(p) < minHeader || p[0]>>4 != 4 || p[protocol] != unix.IPPROTO_UDP {
		return from, nil, false
	}
	header := int(p[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(p[totalLength:]))
	fragment := binary.BigEndian.Uint16(p[flagsAndFragment:]) & 0x1fff
	if header < minHeader || total < header+udpHeader || total > len(p) || fragment != 0 {
		return from, nil, false
	}
	udp := p[header:total] // what is behind it is Ethernet's padding
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if binary.BigEndian.Uint16(udp[2:]) != port || length < udpHeader || length > len(udp) {
		return from, nil, false
	}
	from, _ = netip.AddrFromSlice(p[source : source+4])
	return from, udp[udpHeader:length], true
}
