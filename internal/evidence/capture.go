// Package evidence keeps what the wire of the parent link carries of DHCP,
// DHCPv6, ARP, ICMP, ICMPv6 and DNS, and of the heads of TCP connections, for
// as long as a scenario lasts, and writes it as pcapng when it is wanted.
//
// It sees each frame once, on its way out or in, by a packet(7) socket. What
// clients in mode bridge say to each other counts as coming in, for the kernel
// shows it to the parent first (macvlan_queue_xmit in macvlan.c). What other hosts
// of the LAN say to each other is not in it: the parent is not promiscuous. A VLAN
// tag, which the kernel takes off what comes in, is put back. Left out are frames
// with a second tag, and fragments over IPv6.
package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/record"
)

// Capture is one on a link. Its methods may be called from many goroutines.
type Capture struct {
	parent     string
	tester     record.Tester
	stop, done chan struct{}
	end        sync.Once
	err        error // why no more was taken; read when done is closed

	mu      sync.Mutex
	fd      int
	closed  bool
	frame   [whole]byte // that is being read
	control [256]byte
	ring    ring
	dropped int // by the kernel, in the scenario
}

const (
	// receiveBuffer, in bytes, holds what a thousand clients say while they get
	// their leases, though nobody takes anything meanwhile.
	receiveBuffer = 6 << 20
	period        = 100 * time.Millisecond // between two looks
)

// Start begins a capture on parent, a link of this network namespace. The caller
// closes it.
func Start(parent string, tester record.Tester) (*Capture, error) {
	c := &Capture{parent: parent, tester: tester, stop: make(chan struct{}), done: make(chan struct{}), ring: ring{most: mostBytes}}
	if err := c.open(); err != nil {
		_ = unix.Close(c.fd)
		return nil, fmt.Errorf("capture on %s: %w", parent, err)
	}
	go c.run()
	return c, nil
}

// open makes a socket that hears what the filter lets pass. Without a protocol it
// hears nothing until it is bound.
func (c *Capture) open() (err error) {
	if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := packets.Filter(c.fd, filter()); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1),
		unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	if err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	return c.bind()
}

// bind hears the parent. If it does already, the kernel changes nothing.
func (c *Capture) bind() error {
	link, err := net.InterfaceByName(c.parent)
	if err != nil {
		return err
	}
	return os.NewSyscallError("bind", unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: packets.Htons(unix.ETH_P_ALL), Ifindex: link.Index}))
}

// Reset forgets all packets up to now: a scenario begins. A parent that is
// another link of the same name by now, as a USB adapter that was unplugged, is
// heard from then on.
func (c *Capture) Reset() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.take()
	c.count()
	c.dropped, c.ring = 0, ring{most: c.ring.most}
	if err := c.bind(); err != nil {
		return fmt.Errorf("capture on %s: %w", c.parent, err)
	}
	return nil
}

// run does not wait for packets but looks now and then: to be woken by each of
// them would cost more than all else. A parent that goes down, which ends waits
// with an error, makes no difference either.
func (c *Capture) run() {
	defer close(c.done)
	tick := time.NewTicker(period)
	defer tick.Stop()
	c.err = guard.Do(func() error {
		for {
			select {
			case <-c.stop:
				return nil
			case <-tick.C:
				c.look()
			}
		}
	})
}

func (c *Capture) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take()
}

// take takes all frames that the kernel has for us. That the parent went down is an
// error once, and what came before is still there.
func (c *Capture) take() {
	for {
		n, controlLen, _, from, err := unix.Recvmsg(c.fd, c.frame[:], c.control[:], 0)
		if err == unix.ENETDOWN || err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		c.add(c.frame[:n], packets.ReadControl(c.control[:controlLen]), ok && ll.Pkttype == unix.PACKET_OUTGOING)
	}
}

// count asks the kernel what it had no room for since it was last asked.
func (c *Capture) count() {
	if stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		c.dropped += int(stats.Drops)
	}
}

// add keeps a frame.
func (c *Capture) add(frame []byte, about packets.Control, out bool) {
	data, length := slices.Clone(frame), int32(about.Len)
	if about.Status&unix.TP_STATUS_VLAN_VALID != 0 && len(frame) >= etherType {
		tag := binary.BigEndian.AppendUint16(nil, about.VLANProtocol)
		tag = binary.BigEndian.AppendUint16(tag, about.VLAN)
		data = slices.Insert(data, etherType, tag...)
		length += int32(len(tag))
	}
	c.ring.add(packet{about.Time, length, out, data})
}

// Close ends the capture. What was not written is gone.
func (c *Capture) Close() error {
	c.end.Do(func() {
		close(c.stop)
		<-c.done
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closed = true
		_ = unix.Close(c.fd)
	})
	return c.err
}

// packet is a frame as the wire carried it.
type packet struct {
	time   int64 // Unix, in ns
	length int32 // on the wire; data may have less
	out    bool  // sent by this machine
	data   []byte
}

// mostBytes holds a minute of pings of a thousand clients. What a packet takes
// besides its data is packetBytes.
const mostBytes, packetBytes = 28 << 20, 64

// ring keeps the newest packets, the oldest first.
type ring struct {
	packets     []packet
	most, bytes int // that they may take, and take
	lost        int // packets that were forgotten
}

func (r *ring) add(p packet) {
	r.packets = append(r.packets, p)
	if r.bytes += packetBytes + len(p.data); r.bytes > r.most {
		r.forget()
	}
}

// forget forgets the older half, but for what assigns addresses, so that many pings
// do not push out its few messages. Many such messages push each other out.
func (r *ring) forget() {
	n := len(r.packets)
	half := slices.Clone(r.packets[:n/2])
	kept := slices.DeleteFunc(half, func(p packet) bool { return !assigns(p.data) })
	if len(kept) > n/4 {
		kept = nil
	}
	r.packets = append(kept, r.packets[n/2:]...)
	r.lost += n - len(r.packets)
	r.bytes = 0
	for _, p := range r.packets {
		r.bytes += packetBytes + len(p.data)
	}
}
