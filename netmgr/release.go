package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// A RELEASE goes to the server by unicast, so the server's MAC address may have
// to be found first, and it is never answered (RFC 2131 §4.4.6).
const (
	drainTime    = time.Second     // how long one may take to leave the machine
	releaseBurst = 32              // how many are sent before the server is asked whether it keeps up
	syncTime     = 3 * time.Second // how long it may take, of all the times it is asked, to say so
)

// releaseAll gives the leases of clients back, those that came to nothing
// included. In the end it waits for the RELEASEs to have left, because a packet
// still queued dies with its namespace. Who could not give its lease back has it
// still.
func (m *NetworkManager) releaseAll(ctx context.Context, clients []*Client) {
	sent := map[*Client]net.Conn{}
	pending, patience := 0, syncTime
	for _, c := range clients {
		if !c.leased || c.ns == nil { // the latter when only a part of it is left
			continue
		}
		if ctx.Err() != nil {
			break
		}
		conn, err := c.dialServer(c.granted.Address, c.granted.Server)
		if err != nil {
			continue
		}
		if pending++; pending%releaseBurst == 0 && patience > 0 {
			start := time.Now()
			if c.inform(ctx, conn, c.granted.Address.Addr(), patience) == nil {
				patience -= time.Since(start)
			}
		}
		if c.sendRelease(conn) == nil {
			sent[c] = conn
		}
	}
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	for c, conn := range sent {
		if drain(ctx, conn) == nil {
			c.leased = false // once is enough
		}
		conn.Close()
	}
}

// Unreleased is how many leases could not be given back, since New.
func (m *NetworkManager) Unreleased() int { return m.unreleased }

// dialServer opens a socket from the leased address to the server: a RELEASE
// that comes from 0.0.0.0 or by broadcast is ignored by servers. The client's
// sender may have the port at the same time.
func (c *Client) dialServer(address netip.Prefix, server netip.Addr) (conn net.Conn, err error) {
	from := net.Dialer{
		LocalAddr: &net.UDPAddr{IP: address.Addr().AsSlice(), Port: dhcpv4.ClientPort},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
			return errors.Join(failed, err)
		},
	}
	dial := func() error {
		conn, err = from.Dial("udp4", netip.AddrPortFrom(server, dhcpv4.ServerPort).String())
		return err
	}
	if err = c.ns.Do(dial); err == nil {
		return conn, nil
	}
	if err := c.ensureAddress(address); err != nil { // the lease may have come to nothing, or the link be down
		return nil, err
	}
	err = c.ns.Do(dial)
	return conn, err
}

func (c *Client) sendRelease(conn net.Conn) error {
	_, err := conn.Write(c.identity().Release(c.granted.Address.Addr(), c.granted.Server))
	if err != nil {
		conn.Close()
	}
	return err
}

// inform asks the server for options by INFORM (RFC 2131 §4.4.3), and returns nil
// when it does not answer within timeout. When it does, it has read all that came
// before. A server reads more slowly than we can send, and what does not fit in
// its queue is lost, without a trace for us and with a lease that is never free.
func (c *Client) inform(ctx context.Context, conn net.Conn, address netip.Addr, timeout time.Duration) *dhcp4.Informed {
	msg, answer := c.identity().Inform(address)
	if _, err := conn.Write(msg); err != nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil
		}
		if a := answer(buf[:n]); a != nil {
			return a
		}
	}
}

// ensureAddress gives the client the address of its lease if it has it not, or
// not yet.
func (c *Client) ensureAddress(address netip.Prefix) error {
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
	return h.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)})
}

// drain waits until nothing that was sent on conn is still on this machine:
// the kernel counts a packet against its socket, while it waits for the MAC
// address of its destination too, until the driver has sent it (SIOCOUTQ,
// udp(7)).
func drain(ctx context.Context, conn net.Conn) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
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
		if err := packets.Pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// Inform has every client that has a lease ask its server for options by INFORM,
// and returns those for whom the answer was not as RFC 2131 §4.3.5 wants.
func (m *NetworkManager) Inform(ctx context.Context) []Problem {
	const tries = 3
	return m.Each(ctx, func(ctx context.Context, c *Client) error {
		l := c.Lease()
		if !l.Address.IsValid() {
			return nil
		}
		conn, err := c.dialServer(l.Address, l.Server)
		if err != nil {
			return fmt.Errorf("INFORM: %w", err)
		}
		defer conn.Close()
		for i := range tries {
			if a := c.inform(ctx, conn, l.Address.Addr(), time.Second<<i); a != nil {
				if err := a.Check(); err != nil {
					return fmt.Errorf("INFORM to %s: %w (RFC 2131 §4.3.5)", l.Server, err)
				}
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return errors.New(l.Server.String() + " did not answer 3 INFORMs (RFC 2131 §4.3.5)")
	})
}
