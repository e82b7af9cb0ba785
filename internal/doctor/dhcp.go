package doctor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// checkDHCP asks for an address as a client would, listens to who offers one,
// and takes none (RFC 2131 §3.1, steps 1 and 2), so no lease is used up.
func (e *exam) checkDHCP() Check {
	err := inScratch(func(home *scratch) error {
		conn, mac, err := e.plugIn(home)
		if err != nil {
			return err
		}
		defer conn.Close()
		e.offers, err = e.discover(conn, mac)
		return err
	})
	var servers []string
	for _, o := range e.offers {
		servers = append(servers, fmt.Sprintf("%s (MAC %s)", o.Server, o.MAC))
	}
	switch {
	case e.ctx.Err() != nil:
		return skipped("interrupted")
	case err != nil:
		return problem("look at "+e.Interface+" with: ip -d link show "+e.Interface, "a client cannot ask on %s: %v", e.Interface, err)
	case len(servers) == 0:
		return problem("switch on the router's DHCP server, and check that the cable goes to a LAN port",
			"nobody offered an address within %s", e.Listen)
	case len(servers) > 1:
		return warning("switch off those that should not be there: a client takes whichever offer comes first",
			"%d answer: %s", len(servers), strings.Join(servers, ", "))
	}
	return ok("one answers: %s; it offered %s", servers[0], e.offers[0].Address.Addr())
}

// checkAddresses judges the size of the subnet. What of it the server hands
// out, and what of that is free, no DHCP message tells.
func (e *exam) checkAddresses() Check {
	if len(e.offers) == 0 {
		return skipped("no offer, so no subnet")
	}
	subnet := e.offers[0].Address.Masked()
	if subnet.Bits() < 1 || subnet.Bits() > 30 {
		return skipped("the offer names no subnet with room for clients")
	}
	room := 1<<(32-subnet.Bits()) - 3 // network, broadcast, router
	if e.Clients > room {
		return problem("use fewer clients, or widen the router's subnet", "%s has room for %d clients, not for %d", subnet, room, e.Clients)
	}
	return ok("%s has room for %d clients; how many of its addresses are free cannot be seen", subnet, room)
}

// plugIn hangs one client from the interface and opens its packet socket.
func (e *exam) plugIn(home *scratch) (*packet.Conn, net.HardwareAddr, error) {
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, err
	}
	defer host.Close()
	parent, err := host.LinkByName(e.Interface)
	if err != nil {
		return nil, nil, err
	}
	link, err := home.addMacvlan(host, netlink.LinkAttrs{ParentIndex: parent.Attrs().Index, HardwareAddr: e.mac()})
	if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EBUSY) {
		err = fmt.Errorf("%w (is another doctor at work?)", err)
	}
	if err != nil {
		return nil, nil, err
	}
	a := link.Attrs()
	var conn *packet.Conn
	err = home.Do(func() (err error) {
		iface := &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}
		conn, err = packet.Listen(iface, packet.Datagram, unix.ETH_P_IP, nil)
		return err
	})
	return conn, a.HardwareAddr, err
}

// mac is the same on every run, so that a router's tables do not fill with
// ghosts. Clients begin with 02, so none of them ever has it.
func (e *exam) mac() net.HardwareAddr {
	id, err := readLine(e.root, "etc/machine-id")
	if err != nil || id == "" {
		id, _ = readLine(e.root, "proc/sys/kernel/hostname")
	}
	sum := sha256.Sum256([]byte("lanstorm doctor " + id))
	return net.HardwareAddr{0x06, sum[0], sum[1], sum[2], sum[3], sum[4]}
}

// discover collects OFFERs until the time is over. A DISCOVER that nobody
// answered is sent again half-way, as it may have been lost.
func (e *exam) discover(conn *packet.Conn, mac net.HardwareAddr) (offers []offer, err error) {
	discover, err := dhcpv4.NewDiscovery(mac,
		dhcpv4.WithOption(dhcpv4.OptHostName("lanstorm-doctor")),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier("lanstorm")),
		dhcpv4.WithRequestedOptions(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter))
	if err != nil {
		return nil, err
	}
	// A deadline in the past wakes up a read that waits.
	stop := context.AfterFunc(e.ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	broadcast := nclient4.NewBroadcastUDPConn(conn, &net.UDPAddr{Port: dhcpv4.ClientPort})
	start := time.Now()
	for _, until := range []time.Duration{e.Listen / 2, e.Listen} {
		if len(offers) == 0 {
			to := &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ServerPort}
			if _, err := broadcast.WriteTo(discover.ToBytes(), to); err != nil {
				return nil, fmt.Errorf("send DISCOVER: %w", err)
			}
		}
		if offers, err = e.collect(conn, discover, offers, start.Add(until)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(offers, func(a, b offer) int { return a.Server.Compare(b.Server) })
	return offers, nil
}

// collect adds to offers those that answer discover until the given time, one
// for each server.
func (e *exam) collect(conn *packet.Conn, discover *dhcpv4.DHCPv4, offers []offer, until time.Time) ([]offer, error) {
	if err := conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	buf := make([]byte, 1<<16)
	for {
		if e.ctx.Err() != nil { // its deadline may have come before ours was set
			return nil, e.ctx.Err()
		}
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && e.ctx.Err() == nil {
			return offers, nil
		}
		if err != nil {
			return nil, fmt.Errorf("receive: %w", err)
		}
		var mac string
		if a, ok := from.(*packet.Addr); ok {
			mac = a.HardwareAddr.String()
		}
		o, ok := parseOffer(buf[:n], mac, discover)
		same := func(other offer) bool { return other.Server == o.Server && other.MAC == o.MAC }
		if ok && !slices.ContainsFunc(offers, same) {
			offers = append(offers, o)
		}
	}
}
