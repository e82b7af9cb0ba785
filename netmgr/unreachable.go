package netmgr

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// icmpErrors is a raw socket on which the kernel collects the ICMP errors that
// a client is sent (RFC 792), to be read when a ping got no reply. It costs a
// descriptor, and no goroutine.
type icmpErrors struct{ fd int }

// listenICMPErrors must be called inside the namespace.
func listenICMPErrors() (icmpErrors, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return icmpErrors{-1}, fmt.Errorf("ICMP socket: %w", err)
	}
	// Bit n set keeps ICMP type n out (raw(7)). The constants are those of
	// linux/icmp.h, which x/sys lacks.
	const solRaw, icmpFilter = 255, 1
	wanted := 1<<ipv4.ICMPTypeDestinationUnreachable | 1<<ipv4.ICMPTypeTimeExceeded
	if err := unix.SetsockoptInt(fd, solRaw, icmpFilter, ^wanted); err != nil {
		unix.Close(fd)
		return icmpErrors{-1}, fmt.Errorf("ICMP filter: %w", err)
	}
	return icmpErrors{fd}, nil
}

func (e icmpErrors) Close() error { return unix.Close(e.fd) }

// about says what the network complained of in packets to target, and who did;
// empty when nobody did but self: the client's own kernel, which has found
// nobody by ARP.
func (e icmpErrors) about(target, self netip.Addr) string {
	buf := make([]byte, 1500)
	for {
		n, _, err := unix.Recvfrom(e.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil { // EAGAIN: that was all
			return ""
		}
		if from, what, ok := parseICMPError(buf[:n], target); ok && from != self {
			return fmt.Sprintf("%s, says %s", what, from)
		}
	}
}

// parseICMPError reads an IPv4 packet with an ICMP error about a packet that
// was on its way to target.
func parseICMPError(packet []byte, target netip.Addr) (from netip.Addr, what string, ok bool) {
	outer, err := ipv4.ParseHeader(packet)
	if err != nil || outer.Len > len(packet) {
		return from, "", false
	}
	const protocolICMP = 1
	msg, err := icmp.ParseMessage(protocolICMP, packet[outer.Len:])
	if err != nil {
		return from, "", false
	}
	var about []byte
	switch body := msg.Body.(type) {
	case *icmp.DstUnreach:
		about, what = body.Data, unreachable(msg.Code)
	case *icmp.TimeExceeded:
		about, what = body.Data, "too many hops"
	default:
		return from, "", false
	}
	inner, err := ipv4.ParseHeader(about)
	if err != nil || !bytes.Equal(inner.Dst.To4(), target.AsSlice()) {
		return from, "", false
	}
	return addr4(outer.Src), what, true
}

// unreachable words the codes of ICMP type 3 (RFC 792, RFC 1812 §5.2.7.1).
func unreachable(code int) string {
	switch code {
	case 0:
		return "network unreachable"
	case 1:
		return "host unreachable"
	case 2, 3:
		return "protocol or port unreachable"
	case 9, 10, 13:
		return "prohibited by a firewall"
	}
	return fmt.Sprintf("unreachable (code %d)", code)
}

// nextHop tells to whom the client hands packets for target, and whether it
// knows that host's MAC address: the proof, by ARP, that the host is there.
// The address is invalid when it cannot be told.
func (c *Client) nextHop(target netip.Addr) (hop netip.Addr, resolved bool) {
	h, err := c.ns.Netlink()
	if err != nil {
		return hop, false
	}
	defer h.Close()
	routes, err := h.RouteGet(target.AsSlice())
	if err != nil || len(routes) == 0 {
		return hop, false
	}
	if hop = addr4(routes[0].Gw); !hop.IsValid() {
		hop = target
	}
	neighbours, err := h.NeighList(c.index, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, n := range neighbours {
		if n.IP.Equal(net.IP(hop.AsSlice())) {
			return hop, len(n.HardwareAddr) > 0 && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) == 0
		}
	}
	return netip.Addr{}, false
}

// addr4 is the IPv4 address in ip, invalid when there is none.
func addr4(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}
