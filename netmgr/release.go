package netmgr

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// releaseTime is how long a RELEASE may take to leave the machine. It goes to
// the server by unicast, so the server's MAC address may have to be found
// first; it is never answered (RFC 2131 §4.4.6).
const releaseTime = time.Second

// releaseAll gives the leases back, those that were requested but perhaps never
// granted included. All RELEASEs are sent before the first is waited for, and
// the wait is for them to have left, because a packet still queued dies with
// its namespace.
func (m *NetworkManager) releaseAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	sent := map[*Client]*net.UDPConn{}
	for _, c := range m.clients {
		if ctx.Err() != nil {
			break
		}
		if !c.leased {
			continue
		}
		conn, err := c.sendRelease()
		if err != nil {
			m.opts.Log.Warn("lease not released", "client", c.Name, "reason", err)
			continue
		}
		c.leased = false // once is enough
		sent[c] = conn
	}
	for c, conn := range sent {
		if err := drain(ctx, conn); err != nil {
			m.opts.Log.Warn("RELEASE did not leave", "client", c.Name, "server", c.Lease.Server, "reason", err)
		}
		conn.Close()
	}
}

// sendRelease sends a DHCPRELEASE from the leased address: servers ignore one
// that comes from 0.0.0.0 or by broadcast.
func (c *Client) sendRelease() (conn *net.UDPConn, err error) {
	msg, err := dhcpv4.New(
		dhcpv4.WithMessageType(dhcpv4.MessageTypeRelease),
		dhcpv4.WithClientIP(c.Lease.Address.Addr().AsSlice()),
		dhcpv4.WithHwAddr(c.MAC),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(c.Lease.Server.AsSlice())),
		dhcpv4.WithOption(c.clientID()))
	if err != nil {
		return nil, err
	}
	if err := c.ensureAddress(); err != nil {
		return nil, err
	}
	err = c.ns.Do(func() error {
		conn, err = net.DialUDP("udp4",
			&net.UDPAddr{IP: c.Lease.Address.Addr().AsSlice(), Port: dhcpv4.ClientPort},
			&net.UDPAddr{IP: c.Lease.Server.AsSlice(), Port: dhcpv4.ServerPort})
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(msg.ToBytes()); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ensureAddress gives the client the address of its lease if it has it not, or
// not yet.
func (c *Client) ensureAddress() error {
	h, err := c.ns.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName(c.Link)
	if err != nil {
		return err
	}
	if err := h.LinkSetUp(link); err != nil {
		return err
	}
	return h.AddrReplace(link, &netlink.Addr{IPNet: ipNet(c.Lease.Address)})
}

// drain waits until nothing that was sent on conn is still on this machine:
// the kernel counts a packet against its socket, while it waits for the MAC
// address of its destination too, until the driver has sent it (SIOCOUTQ,
// udp(7)).
func drain(ctx context.Context, conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var queued int
		var inner error
		err := raw.Control(func(fd uintptr) { queued, inner = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err != nil {
			return err
		}
		if inner != nil {
			return fmt.Errorf("SIOCOUTQ: %w", inner)
		}
		if queued == 0 {
			return nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}
