// Package wire is the parent link as clients share it: it hears there what
// routers and servers say to them, and sends what they ask of everybody. An
// ordinary socket would not get a packet to an address that is not set yet.
package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Handler is told what is heard. Its methods are called one at a time.
type Handler interface {
	// Claimed: a host says by ARP that it has an address.
	Claimed(addr netip.Addr, owner net.HardwareAddr)
	// DHCP4 is a DHCP message to the client with this MAC address, in a frame from
	// another.
	DHCP4(client [6]byte, msg []byte, from net.HardwareAddr)
	// Damaged: one was dropped for the checksum of this layer, as a kernel does.
	Damaged(client [6]byte, layer string)
	// DHCP6 is a DHCPv6 message to a client.
	DHCP6(client [6]byte, msg []byte, from netip.Addr)
	// Advertised is a router advertisement.
	Advertised(Advertisement)
	// Solicited: a client has sent a router solicitation.
	Solicited(client [6]byte)
}

// Listener hears for all clients by one packet(7) socket, because to close one
// takes the kernel a grace period of RCU (packet_release in af_packet.c), some
// 12 ms, which a thousand clients cannot wait for.
type Listener struct {
	conn    *socket.Conn
	parent  netlink.LinkAttrs
	handler Handler
	done    chan struct{}
	broken  atomic.Pointer[error] // why it heard nothing for failureTime; else nil
	closing atomic.Bool
}

// listenBuffer, in bytes, is room for the answers to a few thousand clients.
const listenBuffer = 8 << 20

// A listener that gets nothing but errors for failureTime is broken: that must
// be told, for otherwise it is the router that seems silent.
const (
	failurePause = 10 * time.Millisecond
	failureTime  = time.Second
)

// Listen begins to hear for clients whose MAC addresses begin as mac does. The
// caller closes the listener.
func Listen(parent netlink.LinkAttrs, mac net.HardwareAddr, handler Handler) (*Listener, error) {
	// Only a socket for all protocols hears a frame before the macvlans take it.
	protocol := packets.Htons(unix.ETH_P_ALL)
	conn, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0, "packet", nil)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	l := &Listener{conn: conn, parent: parent, handler: handler, done: make(chan struct{})}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { err = packets.Filter(int(fd), answersTo(mac)) })
	}
	if err == nil {
		err = conn.SetsockoptInt(unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	}
	if err == nil {
		_ = conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, listenBuffer)
		err = conn.Bind(&unix.SockaddrLinklayer{Protocol: protocol, Ifindex: parent.Index})
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("packet socket on %s: %w", parent.Name, err)
	}
	go l.run()
	return l, nil
}

func (l *Listener) run() {
	defer close(l.done)
	buf, control := make([]byte, 1<<16), make([]byte, 128)
	for failures := 0; ; {
		n, controlLen, _, from, err := l.conn.Recvmsg(context.Background(), buf, control, 0)
		if errors.Is(err, unix.ENETDOWN) {
			continue // the parent was down; a client will say that nobody answers
		}
		if err != nil && l.closing.Load() {
			return
		}
		if err != nil { // want of memory, for instance, passes
			if failures++; failures*int(failurePause) >= int(failureTime) {
				l.broken.Store(&err)
			}
			time.Sleep(failurePause)
			continue
		}
		failures = 0
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			if client, ok := solicitation(buf[:n]); ok {
				l.handler.Solicited(client)
			}
			continue // of a client's
		}
		aux := packets.ReadControl(control[:controlLen])
		const vlan = 0xfff // of a tag, which may have but a priority
		if aux.VLAN&vlan != 0 {
			continue // of another LAN on the same cable
		}
		l.hear(buf[:n], aux.Status&(unix.TP_STATUS_CSUMNOTREADY|unix.TP_STATUS_CSUM_VALID) != 0)
	}
}

// hear sorts a frame. The checksum of UDP and ICMPv6 is unfinished when it is
// still to be computed, as over veth, or was found right by the network card.
func (l *Listener) hear(frame []byte, unfinished bool) {
	if owner, addr, ok := arpClaim(frame); ok {
		l.handler.Claimed(addr, owner)
		return
	}
	if a, ok := advertisement(frame, unfinished); ok {
		l.handler.Advertised(a)
		return
	}
	if client, msg, from, ok := dhcp6Answer(frame, unfinished); ok {
		l.handler.DHCP6(client, msg, from)
		return
	}
	a, ok := dhcpAnswer(frame)
	switch {
	case !ok:
	case a.wrong(unfinished) != "":
		l.handler.Damaged(a.client, a.wrong(unfinished))
	default:
		l.handler.DHCP4(a.client, a.msg, a.from)
	}
}

// ARP sends a request by ARP from a client (RFC 826): who has target? It goes
// out on the parent, so the client's siblings do not hear it.
func (l *Listener) ARP(mac net.HardwareAddr, sender, target netip.Addr) error {
	to := &unix.SockaddrLinklayer{Protocol: packets.Htons(unix.ETH_P_ARP), Ifindex: l.parent.Index, Halen: 6}
	raw, err := l.conn.SyscallConn()
	if err != nil {
		return err
	}
	// Not by Sendto of conn, which waits while the queue is full.
	var sent error
	err = raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), arpRequest(mac, sender, target), unix.MSG_DONTWAIT, to) })
	return errors.Join(err, os.NewSyscallError("sendto", sent))
}

// Drops is how many frames came, since it was last asked, that there was no
// room for.
func (l *Listener) Drops() (n int64) {
	raw, err := l.conn.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		if stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = int64(stats.Drops)
		}
	})
	return n
}

// Failure says why answers were not heard; empty when they were.
func (l *Listener) Failure() string {
	if err := l.broken.Load(); err != nil {
		return fmt.Sprintf("packet socket on %s: %v", l.parent.Name, *err)
	}
	return ""
}

// Close returns what Drops would.
func (l *Listener) Close() (drops int64) {
	drops = l.Drops()
	l.closing.Store(true)
	l.conn.Close()
	<-l.done
	return drops
}
