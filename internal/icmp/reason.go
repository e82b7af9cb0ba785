package icmp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
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
	if c.noRoute(c.sendErr) {
		return c.NoRoute(l.Target)
	}
	return fmt.Sprintf("tester: %d of %d requests could not be sent: %v", l.Asked-l.Sent, l.Asked, c.sendErr)
}

// noRoute reports whether the kernel does not know where, or as whom, to send.
func (c Client) noRoute(err error) bool {
	return errors.Is(err, unix.ENETUNREACH) || c.Target.Is6() && errors.Is(err, unix.EADDRNOTAVAIL)
}

// silence explains why no reply came although requests were sent and nobody
// said what was wrong.
func (c Client) silence(timeout time.Duration, sent int) string {
	target := c.Target.WithZone("")
	if hop, resolved := NextHop(c.NS, c.Target); hop.IsValid() && !resolved {
		if hop == target {
			return fmt.Sprintf("%s does not answer %s", hop, c.family().resolution)
		}
		return fmt.Sprintf("the gateway %s does not answer %s", hop, c.family().resolution)
	}
	return fmt.Sprintf("%s did not answer within %s (%d requests sent)", target, timeout, sent)
}

// NextHop tells to whom a namespace hands packets for target, and whether it
// knows that host's MAC address: the proof, by ARP or neighbour discovery, that the
// host is there. The address has no zone, and is invalid when it cannot be told.
func NextHop(ns *namespace.NS, target netip.Addr) (hop netip.Addr, resolved bool) {
	h, err := ns.Netlink()
	if err != nil {
		return hop, false
	}
	defer h.Close()
	link, _ := strconv.Atoi(target.Zone())
	routes, err := h.RouteGetWithOptions(target.AsSlice(), &netlink.RouteGetOptions{OifIndex: link})
	if err != nil || len(routes) == 0 {
		return hop, false
	}
	if hop, _ = netip.AddrFromSlice(routes[0].Gw); !hop.IsValid() {
		hop = target.WithZone("")
	}
	neighbours, err := h.NeighList(routes[0].LinkIndex, nl.GetIPFamily(target.AsSlice()))
	if err != nil {
		return netip.Addr{}, false
	}
	for _, n := range neighbours {
		if n.IP.Equal(hop.AsSlice()) {
			return hop, len(n.HardwareAddr) > 0 && n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) == 0
		}
	}
	return hop, false // in a crowd the kernel soon forgets who did not answer (neighbour.c)
}

// errorSocket is a raw socket on which the kernel collects the ICMP errors that
// a client is sent, to be read when a ping got no reply. It costs a descriptor,
// and no goroutine.
type errorSocket struct {
	c  Client
	fd int
}

// listenErrors must be called inside the namespace.
func (c Client) listenErrors() (errorSocket, error) {
	fd, err := c.family().openRaw(c.family().errors...)
	return errorSocket{c, fd}, err
}

func (e errorSocket) Close() error { return unix.Close(e.fd) }

// complaint says what the network complained of in packets to the target, and
// who did; empty when nobody did.
func (e errorSocket) complaint() string {
	buf := make([]byte, 1500)
	for {
		n, from, err := unix.Recvfrom(e.fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil { // EAGAIN: that was all
			return ""
		}
		if text := e.c.complaintOf(buf[:n], packets.From(from)); text != "" {
			return text
		}
	}
}

// complaintOf words a packet with an ICMP error about one that was on its way to
// the target; empty when it is no such packet. Nor does that of the client's own
// kernel count, which has found nobody on the link: it is from who sent the request.
func (c Client) complaintOf(packet []byte, from netip.Addr) string {
	msg, err := icmp.ParseMessage(c.family().protocol, c.family().message(packet))
	if err != nil {
		return ""
	}
	var about []byte
	var what string
	switch body := msg.Body.(type) {
	case *icmp.DstUnreach:
		about, what = body.Data, unreachable(msg.Type, msg.Code)
	case *icmp.TimeExceeded:
		about, what = body.Data, "too many hops"
	case *icmp.PacketTooBig:
		about, what = body.Data, fmt.Sprintf("packet too big (MTU %d)", body.MTU)
	}
	from = from.WithZone("")
	if src, dst := endpoints(about); dst != c.Target.WithZone("") || src == from {
		return ""
	}
	return fmt.Sprintf("%s, says %s", what, from)
}

// endpoints are the addresses in the header that a packet begins with, invalid
// when it does not.
func endpoints(packet []byte) (src, dst netip.Addr) {
	if h, err := ipv4.ParseHeader(packet); err == nil && h.Version == ipv4.Version {
		return packets.Addr4(h.Src), packets.Addr4(h.Dst)
	}
	if h, err := ipv6.ParseHeader(packet); err == nil && h.Version == ipv6.Version {
		return netip.AddrFrom16([16]byte(h.Src)), netip.AddrFrom16([16]byte(h.Dst))
	}
	return src, dst
}

// unreachable words the codes of ICMP type 3 (RFC 792, RFC 1812 §5.2.7.1), and of
// ICMPv6 type 1 (RFC 4443 §3.1).
func unreachable(t icmp.Type, code int) string {
	words := map[int]string{
		0: "network unreachable", 1: "host unreachable", 2: "protocol or port unreachable", 3: "protocol or port unreachable",
		9: "prohibited by a firewall", 10: "prohibited by a firewall", 13: "prohibited by a firewall",
	}
	if t == ipv6.ICMPTypeDestinationUnreachable {
		words = map[int]string{
			0: "no route", 1: "prohibited by a firewall", 2: "beyond the scope of the source address", 3: "host unreachable",
			4: "port unreachable", 5: "the source address failed a policy", 6: "rejected by a route",
		}
	}
	if text, ok := words[code]; ok {
		return text
	}
	return fmt.Sprintf("unreachable (code %d)", code)
}
