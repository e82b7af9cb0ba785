package icmp

import (
	"bytes"
	"fmt"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// errorSocket is a raw socket on which the kernel collects the ICMP errors that
// a client is sent (RFC 792), to be read when a ping got no reply. It costs a
// descriptor, and no goroutine.
type errorSocket struct{ fd int }

// listenErrors must be called inside the namespace.
func listenErrors() (errorSocket, error) {
	fd, err := openRaw(ipv4.ICMPTypeDestinationUnreachable, ipv4.ICMPTypeTimeExceeded)
	return errorSocket{fd}, err
}

func (e errorSocket) Close() error { return unix.Close(e.fd) }

// about says what the network complained of in packets to target, and who did;
// empty when nobody did but self: the client's own kernel, which has found
// nobody by ARP.
func (e errorSocket) about(target, self netip.Addr) string {
	buf := make([]byte, 1500)
	for {
		n, _, err := unix.Recvfrom(e.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil { // EAGAIN: that was all
			return ""
		}
		if from, what, ok := parseError(buf[:n], target); ok && from != self {
			return fmt.Sprintf("%s, says %s", what, from)
		}
	}
}

// parseError reads an IPv4 packet with an ICMP error about a packet that
// was on its way to target.
func parseError(packet []byte, target netip.Addr) (from netip.Addr, what string, ok bool) {
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
	return packets.Addr4(outer.Src), what, true
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
