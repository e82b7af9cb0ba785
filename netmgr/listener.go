package netmgr

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

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// listener hears, on the parent, what DHCP servers say to clients and who
// claims an address by ARP: an ordinary socket would not get a packet to an
// address that is not set yet. One packet(7) socket listens for all clients,
// because to close one takes the kernel a grace period of RCU (packet_release
// in af_packet.c), some 12 ms, which a thousand clients cannot wait for.
type listener struct {
	conn     *socket.Conn
	parent   netlink.LinkAttrs
	group    *dhcp4.Group
	done     chan struct{}
	broken   atomic.Pointer[error] // why it heard nothing for failureTime; else nil
	gateways *gateways
	asking   atomic.Pointer[arpAnswers] // of addresses, while somebody asks; else nil

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

// listen begins to hear for the clients of group, whose MAC addresses begin as
// mac does. The caller closes the listener.
func listen(parent netlink.LinkAttrs, mac net.HardwareAddr, group *dhcp4.Group, gateways *gateways) (*listener, error) {
	// Only a socket for all protocols hears a frame before the macvlans take it.
	protocol := packets.Htons(unix.ETH_P_ALL)
	conn, err := socket.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0, "packet", nil)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	l := &listener{conn: conn, parent: parent, group: group, gateways: gateways, done: make(chan struct{})}
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

func (l *listener) run() {
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

// hear sorts a frame. The checksum of UDP is unfinished when it is still to be
// computed, as over veth, or was found right by the network card.
func (l *listener) hear(frame []byte, unfinished bool) {
	if owner, addr, ok := arpClaim(frame); ok {
		l.gateways.note(addr, owner)
		if n := l.asking.Load(); n == nil || !n.note(addr, owner.String()) {
			l.group.Claimed(addr, owner)
		}
		return
	}
	a, ok := dhcpAnswer(frame)
	switch {
	case !ok:
	case a.wrong(unfinished) != "":
		l.group.Damaged(a.client, a.wrong(unfinished))
	default:
		l.group.Receive(a.client, a.msg, a.from)
	}
}

// arp sends a request by ARP from a client (RFC 826): who has target? It goes
// out on the parent, so the client's siblings do not hear it.
func (l *listener) arp(mac net.HardwareAddr, sender, target netip.Addr) error {
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

// drops is how many frames came, since it was last asked, that there was no
// room for.
func (l *listener) drops() (n int64) {
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

// failure says why answers were not heard; empty when they were.
func (l *listener) failure() string {
	if err := l.broken.Load(); err != nil {
		return fmt.Sprintf("packet socket on %s: %v", l.parent.Name, *err)
	}
	return ""
}

// Close returns what drops would.
func (l *listener) Close() (drops int64) {
	drops = l.drops()
	l.closing.Store(true)
	l.conn.Close()
	<-l.done
	return drops
}
