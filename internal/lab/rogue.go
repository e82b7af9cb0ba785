package lab

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// rogue is a second DHCP server on the LAN, as somebody has who plugs an old
// router in by the wrong socket. It is a host of its own, with an address of
// the LAN, but leases addresses of a subnet where nobody is. It takes every
// second client, beginning with the first, so that a LAN with it is never whole.
// If it races, it takes the share that it is told, and makes an offer to the
// others too when the router has made one.
type rogue struct {
	*dhcpServer
	ns     *namespace.NS
	router *misbehaviour
	races  bool
	share  float64 // percent of the clients

	mu    sync.Mutex
	takes map[string]bool // clients, and whether they are this server's
}

// rogueMAC goes with those of the other links of the lab.
var rogueMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x03}

func rogueOf(parent string) string { return parent + "-rogue" }

// letRogueIn connects the rogue server to the router's link of the LAN.
func (l *Lab) letRogueIn(c fault.Conditions) (r *rogue, err error) {
	bits := l.opts.Subnet.Bits()
	gateway := neighbour(l.Router, bits, 2)
	self := nth(l.opts.Subnet.Addr(), 2)
	r = &rogue{dhcpServer: newDHCPServer(l.opts.Subnet, self), share: 50, takes: map[string]bool{}}
	if c.RogueRaces {
		r.races, r.share, r.router = true, c.RogueFaster, &l.server.(*builtin).dhcp.misbehaviour
	}
	r.pool, r.lease = newPool(neighbour(l.firstLease(), bits, 2), l.room()), l.opts.LeaseTime
	r.options = append(r.options, dhcpv4.WithRouter(gateway.AsSlice()), dhcpv4.WithDNS(gateway.AsSlice()))

	if r.ns, err = namespace.CreateMarked(rogueOf(l.Parent), l.opts.Journal.Mark(), namespace.IPv4); err != nil {
		return nil, err
	}
	if err := l.connectHost(r.ns, rogueMAC, netip.PrefixFrom(self, bits)); err != nil {
		return nil, errors.Join(err, r.ns.Delete())
	}
	if err := r.start(r.ns, r.handle); err != nil {
		return nil, errors.Join(err, r.ns.DeleteLinks(), r.ns.Delete())
	}
	return r, nil
}

// connectHost makes ns a host behind the router's link, by a macvlan on that:
// what clients send reaches both.
func (l *Lab) connectHost(ns *namespace.NS, mac net.HardwareAddr, addrs ...netip.Prefix) error {
	router, err := l.router.Netlink()
	if err != nil {
		return err
	}
	defer router.Close()
	return addHost(router, "lan", ns, mac, netlink.MACVLAN_MODE_BRIDGE, addrs...)
}

func (r *rogue) handle(conn net.PacketConn, peer net.Addr, req *dhcpv4.DHCPv4) {
	switch {
	case r.races && r.isNotAsked(req):
		return
	case r.serves(clientOf(req)):
	case !r.races || !r.wait(r.router.delay(req)+rogueLead):
		return
	}
	r.dhcpServer.handle(conn, peer, req)
}

// isNotAsked reports whether req is for an address of somebody else's and names
// no server. To refuse it would take from clients what they have of the router.
func (r *rogue) isNotAsked(req *dhcpv4.DHCPv4) bool {
	if req.MessageType() != dhcpv4.MessageTypeRequest || req.ServerIdentifier() != nil {
		return false
	}
	wanted := req.RequestedIPAddress()
	if renews(req) {
		wanted = req.ClientIPAddr
	}
	addr := packets.Addr4(wanted)
	return !r.pool.has(addr)
}

func (r *rogue) serves(client string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	takes, known := r.takes[client]
	if !known {
		takes = due(len(r.takes)+1, r.share) > due(len(r.takes), r.share)
		r.takes[client] = takes
	}
	return takes
}

// due is how many of n clients are a share: rounded up, for 1% is not nobody.
func due(n int, percent float64) int { return int(math.Ceil(float64(n) * percent / 100)) }

// leave unplugs it.
func (r *rogue) leave() error {
	return errors.Join(r.stop(), r.ns.DeleteLinks(), r.ns.Delete())
}
