package lab

import (
	"net"

	"golang.org/x/net/ipv4"
)

// addressedConn tells where each datagram was sent to. Package server4 hands its
// handler nothing but the sender, so that is where it stands: in the zone, for
// which IPv4 has no use. server4 leaves it out when the sender is 0.0.0.0, who
// has no address to send a unicast from.
type addressedConn struct {
	*net.UDPConn
	told *ipv4.PacketConn // the same socket
}

func tellDestinations(conn *net.UDPConn) (addressedConn, error) {
	c := addressedConn{conn, ipv4.NewPacketConn(conn)}
	return c, c.told.SetControlMessage(ipv4.FlagDst, true)
}

func (c addressedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, control, from, err := c.told.ReadFrom(b)
	if peer, ok := from.(*net.UDPAddr); ok && control != nil {
		peer.Zone = control.Dst.String()
	}
	return n, from, err
}

// destination is where a datagram of peer was sent to; empty when nobody knows.
func destination(peer net.Addr) string {
	if udp, ok := peer.(*net.UDPAddr); ok {
		return udp.Zone
	}
	return ""
}
