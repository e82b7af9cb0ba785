package icmp

import (
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// family is what ICMP (RFC 792) and ICMPv6 (RFC 4443) have in common and number
// differently.
type family struct {
	domain, protocol int
	level, recvErr   int // a socket's option for errors
	request, reply   icmp.Type
	errors           []icmp.Type
	self             netip.Addr
	resolution       string // by which a host on the link is found
}

var (
	icmp4 = &family{
		unix.AF_INET, unix.IPPROTO_ICMP, unix.IPPROTO_IP, unix.IP_RECVERR,
		ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply,
		[]icmp.Type{ipv4.ICMPTypeDestinationUnreachable, ipv4.ICMPTypeTimeExceeded},
		netip.AddrFrom4([4]byte{127, 0, 0, 1}), "ARP",
	}
	icmp6 = &family{
		unix.AF_INET6, unix.IPPROTO_ICMPV6, unix.IPPROTO_IPV6, unix.IPV6_RECVERR,
		ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply,
		[]icmp.Type{ipv6.ICMPTypeDestinationUnreachable, ipv6.ICMPTypePacketTooBig, ipv6.ICMPTypeTimeExceeded},
		netip.IPv6Loopback(), "neighbour solicitations",
	}
)

// family is that of the target.
func (c Client) family() *family {
	if c.Target.Is6() {
		return icmp6
	}
	return icmp4
}

// number is a type as messages have it.
func number(t icmp.Type) byte {
	if t, ok := t.(ipv6.ICMPType); ok {
		return byte(t)
	}
	return byte(t.(ipv4.ICMPType))
}
