package icmp

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/packets"
)

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
