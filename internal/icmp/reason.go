package icmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// explain gives each client its Reason: what Ping would say, and what kept
// requests from being sent.
func (r *prober) explain(ctx context.Context, clients []Result) {
	// To look at ARP tables takes a visit to each namespace.
	errs := guard.Each(len(r.all), few, func(i int) error {
		clients[i].Reason = r.reason(ctx, r.all[i], clients[i])
		return nil
	})
	for i, err := range errs {
		if err != nil {
			clients[i].Reason = err.Error()
		}
	}
}

func (r *prober) reason(ctx context.Context, c *probed, l Result) string {
	switch {
	case c.Err != nil:
		return c.Err.Error()
	case c.err != nil:
		return "tester: cannot ping: " + c.err.Error()
	case r.broken != nil && l.Received == 0:
		return r.broken.Error()
	case c.sendErr != nil && (l.Sent == 0 || l.Received > 0):
		return whyUnsent(c, l)
	case l.Received > 0:
		return ""
	case c.complaint != "":
		return c.complaint
	case ctx.Err() != nil && l.Sent == 0:
		return context.Cause(ctx).Error()
	case l.Late > 0:
		return fmt.Sprintf("%s answers, but not within %s (%d late replies)", l.Target, r.Timeout, l.Late)
	}
	return c.silence(r.Timeout, l.Sent)
}

// whyUnsent words the first error of sendto.
func whyUnsent(c *probed, l Result) string {
	if errors.Is(c.sendErr, unix.ENETUNREACH) {
		return c.NoRoute(l.Target)
	}
	return fmt.Sprintf("tester: %d of %d requests could not be sent: %v", l.Asked-l.Sent, l.Asked, c.sendErr)
}

// silence explains why no reply came although requests were sent and nobody
// said what was wrong.
func (c Client) silence(timeout time.Duration, sent int) string {
	if hop, resolved := NextHop(c.NS, c.Target); hop.IsValid() && !resolved {
		if hop == c.Target {
			return fmt.Sprintf("%s does not answer ARP", hop)
		}
		return fmt.Sprintf("the gateway %s does not answer ARP", hop)
	}
	return fmt.Sprintf("%s did not answer within %s (%d requests sent)", c.Target, timeout, sent)
}

// NextHop tells to whom a namespace hands packets for target, and whether it
// knows that host's MAC address: the proof, by ARP, that the host is there.
// The address is invalid when it cannot be told.
func NextHop(ns *namespace.NS, target netip.Addr) (hop netip.Addr, resolved bool) {
	h, err := ns.Netlink()
	if err != nil {
		return hop, false
	}
	defer h.Close()
	routes, err := h.RouteGet(target.AsSlice())
	if err != nil || len(routes) == 0 {
		return hop, false
	}
	if hop = packets.Addr4(routes[0].Gw); !hop.IsValid() {
		hop = target
	}
	neighbours, err := h.NeighList(routes[0].LinkIndex, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}, false
	}
	for _, n := range neighbours {
		if n.IP.Equal(net.IP(hop.AsSlice())) {
			return hop, len(n.HardwareAddr) > 0 && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) == 0
		}
	}
	return hop, false // in a crowd the kernel soon forgets who did not answer (neighbour.c)
}

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
