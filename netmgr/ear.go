package netmgr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ear hears, on the parent, what DHCP servers say to clients that have no
// address yet: an ordinary socket would not get a packet to an address that is
// not set. One packet(7) socket listens for all of them, because to close one
// takes the kernel a grace period of RCU (packet_release in af_packet.c), some
// 12 ms, which a thousand clients cannot wait for.
type ear struct {
	conn     *packet.Conn
	clients  map[[6]byte]chan []byte
	overflow atomic.Int64
	done     chan struct{}
}

// earBuffer is room for the answers to a few thousand clients; a mailbox is for
// one client, to whom several servers may answer at once.
const (
	earBuffer   = 8 << 20
	mailboxSize = 8
)

// listen opens an ear for clients. The caller closes it.
func listen(parent netlink.LinkAttrs, clients []*Client) (*ear, error) {
	filter, err := bpf.Assemble(answersTo(clients[0].MAC))
	if err != nil {
		return nil, err
	}
	e := &ear{clients: map[[6]byte]chan []byte{}, done: make(chan struct{})}
	for _, c := range clients {
		e.clients[[6]byte(c.MAC)] = make(chan []byte, mailboxSize)
	}
	// Only a socket for all protocols hears a frame before the macvlans take it.
	iface := &net.Interface{Index: parent.Index, Name: parent.Name, MTU: parent.MTU, HardwareAddr: parent.HardwareAddr}
	if e.conn, err = packet.Listen(iface, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: filter}); err != nil {
		return nil, fmt.Errorf("packet socket on %s: %w", parent.Name, err)
	}
	raw, err := e.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, earBuffer) })
	}
	if err != nil {
		e.conn.Close()
		return nil, err
	}
	go e.run()
	return e, nil
}

// answers is where the DHCP messages to c arrive.
func (e *ear) answers(c *Client) <-chan []byte { return e.clients[[6]byte(c.MAC)] }

func (e *ear) run() {
	defer close(e.done)
	buf := make([]byte, 1<<16)
	for {
		n, _, err := e.conn.ReadFrom(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // the parent was down; a client will say that nobody answers
		}
		if err != nil { // closed
			return
		}
		mac, msg, ok := dhcpAnswer(buf[:n])
		if !ok {
			continue
		}
		if box, ours := e.clients[mac]; ours {
			select {
			case box <- slices.Clone(msg):
			default:
				e.overflow.Add(1)
			}
		}
	}
}

// Close returns how many answers came that there was no room for.
func (e *ear) Close() (overflows int64) {
	if stats, err := e.conn.Stats(); err == nil {
		e.overflow.Add(int64(stats.Drops))
	}
	e.conn.Close()
	<-e.done
	return e.overflow.Load()
}

const (
	ethernetLen = 14
	udpLen      = 8
	chaddrAt    = 28 // in a DHCP message (RFC 2131 §2)
)

// dhcpAnswer takes a DHCP message out of an Ethernet frame that the filter let
// pass. It wants the frame addressed to the client that the message is for, as
// the client's link would.
func dhcpAnswer(frame []byte) (client [6]byte, msg []byte, ok bool) {
	if len(frame) < ethernetLen+20 {
		return client, nil, false
	}
	ip := frame[ethernetLen:]
	headerLen := int(ip[0]&0xf) * 4
	if headerLen < 20 || len(ip) < headerLen+udpLen {
		return client, nil, false
	}
	udp := ip[headerLen:]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < udpLen || length > len(udp) { // shorter than the frame, which may be padded
		return client, nil, false
	}
	msg = udp[udpLen:length]
	if len(msg) < chaddrAt+len(client) {
		return client, nil, false
	}
	to := [6]byte(frame)
	client = [6]byte(msg[chaddrAt:])
	return client, msg, to == client || to == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// answersTo accepts Ethernet frames with UDP over IPv4 to the DHCP client port
// whose chaddr begins as mac does, by which all clients of this machine are
// known.
func answersTo(mac net.HardwareAddr) []bpf.Instruction {
	const (
		etherType        = 12
		flagsAndFragment = ethernetLen + 6
		protocol         = ethernetLen + 9
		udpDestination   = ethernetLen + 2 // behind the IPv4 header
		chaddr           = ethernetLen + udpLen + chaddrAt
	)
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: etherType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 10},
		bpf.LoadAbsolute{Off: protocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 8},
		bpf.LoadAbsolute{Off: flagsAndFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 6},
		bpf.LoadMemShift{Off: ethernetLen}, // X = length of the IPv4 header
		bpf.LoadIndirect{Off: udpDestination, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpv4.ClientPort, SkipTrue: 3},
		bpf.LoadIndirect{Off: chaddr, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(mac), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// mouth broadcasts from a client that has no address yet: a UDP socket inside
// the namespace, a mere descriptor because nothing is ever read from it.
type mouth struct{ fd int }

func (c *Client) openMouth() (m mouth, err error) {
	err = c.ns.Do(func() (err error) {
		m.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return m, os.NewSyscallError("socket", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
		// Without it the kernel keeps to itself that a queue was full (udp_send_skb).
		unix.SetsockoptInt(m.fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1),
		unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.BindToDevice(m.fd, c.Link),
		unix.Bind(m.fd, &unix.SockaddrInet4{Port: dhcpv4.ClientPort}))
	if err != nil {
		m.Close()
		return m, fmt.Errorf("UDP socket: %w", err)
	}
	return m, nil
}

// say broadcasts msg to DHCP servers. The source address is 0.0.0.0, for the
// link has none.
func (m mouth) say(msg []byte) error {
	return os.NewSyscallError("sendto", unix.Sendto(m.fd, msg, 0,
		&unix.SockaddrInet4{Addr: [4]byte{255, 255, 255, 255}, Port: dhcpv4.ServerPort}))
}

func (m mouth) Close() error { return unix.Close(m.fd) }
