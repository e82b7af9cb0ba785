package lab

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// rogue is a second DHCP server on the LAN, as somebody has who plugs an old
// router in by the wrong socket. It is a host of its own, with an address of
// the LAN, but leases addresses of a subnet where nobody is. It takes every
// second client, beginning with the first, so that a LAN with it is never whole.
type rogue struct {
	*dhcpServer
	ns *namespace.NS

	mu    sync.Mutex
	takes map[string]bool // clients, and whether they are this server's
}

// rogueMAC goes with those of the other links of the lab.
var rogueMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x03}

func rogueOf(parent string) string { return parent + "-rogue" }

// letRogueIn connects the rogue server to the router's link of the LAN.
func (l *Lab) letRogueIn() (r *rogue, err error) {
	bits := l.opts.Subnet.Bits()
	gateway := neighbour(l.Router, bits, 2)
	self := nth(l.opts.Subnet.Addr(), 2)
	r = &rogue{dhcpServer: newDHCPServer(l.opts.Subnet, self), takes: map[string]bool{}}
	r.pool, r.lease = newPool(neighbour(l.firstLease(), bits, 2), l.room()), l.opts.LeaseTime
	r.options = append(r.options, dhcpv4.WithRouter(gateway.AsSlice()), dhcpv4.WithDNS(gateway.AsSlice()))

	if r.ns, err = namespace.CreateMarked(rogueOf(l.Parent), l.opts.Journal.Mark()); err != nil {
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
	there, err := ns.Netlink()
	if err != nil {
		return err
	}
	defer there.Close()
	lan, err := router.LinkByName("lan")
	if err != nil {
		return err
	}
	if err := addMacvlan(router, lan, ns, mac, netlink.MACVLAN_MODE_BRIDGE); err != nil {
		return err
	}
	return bringUp(there, "lan", addrs)
}

func (r *rogue) handle(conn net.PacketConn, peer net.Addr, req *dhcpv4.DHCPv4) {
	if r.serves(clientOf(req)) {
		r.dhcpServer.handle(conn, peer, req)
	}
}

func (r *rogue) serves(client string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	takes, known := r.takes[client]
	if !known {
		takes = len(r.takes)%2 == 0
		r.takes[client] = takes
	}
	return takes
}

// leave unplugs it.
func (r *rogue) leave() error {
	return errors.Join(r.stop(), r.ns.DeleteLinks(), r.ns.Delete())
}
