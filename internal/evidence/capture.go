// Package evidence keeps what the wire of the parent link carries of DHCP,
// DHCPv6, ARP, ICMP, ICMPv6 and DNS, and of the heads of TCP connections, for
// as long as a scenario lasts, and writes it as pcapng when it is wanted.
//
// It sees each frame once, on its way out or in, by a packet(7) socket with a
// ring in shared memory (packet_mmap.rst). What clients in mode bridge say to
// each other counts as coming in, for the kernel shows it to the parent first
// (macvlan_queue_xmit in macvlan.c). What other hosts of the LAN say to each
// other is not in it: the parent is not promiscuous. A VLAN tag, which the kernel
// takes off what comes in, is put back. Left out are frames with a second tag,
// and fragments over IPv6.
package evidence

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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

	mu     sync.Mutex
	fd     int
	shared []byte // with the kernel: its blocks; nil when closed
	next   int    // block that the kernel fills
	ring   ring

	accepted, taken uint64 // packets, by the kernel and by us, since the start
	skip            uint64 // as many as were accepted before the scenario
	dropped         int    // by the kernel, in the scenario
}

// The ring that the kernel fills holds what a thousand clients say while they
// get their leases, though nobody takes anything meanwhile. A block is ours when
// it is full, or has been filled for retire.
const (
	blockSize  = 128 << 10
	blocks     = 32
	frameSize  = 2048 // which says nothing, but must divide a block
	retire     = 50 * time.Millisecond
	period     = 100 * time.Millisecond // between two looks
	settleTime = time.Second            // until a block that was filled must be ours
)

// Start begins a capture on parent, a link of this network namespace. The caller
// closes it.
func Start(parent string, tester record.Tester) (*Capture, error) {
	c := &Capture{parent: parent, tester: tester, stop: make(chan struct{}), done: make(chan struct{}), ring: ring{most: mostBytes}}
	if err := c.open(); err != nil {
		c.release()
		return nil, fmt.Errorf("capture on %s: %w", parent, err)
	}
	go c.run()
	return c, nil
}

// open makes a socket with a ring into which the kernel puts what the filter lets
// pass. Without a protocol it hears nothing until it is bound.
func (c *Capture) open() (err error) {
	if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err = packets.Filter(c.fd, filter()); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err = unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err == nil {
		err = unix.SetsockoptTpacketReq3(c.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
			Block_size: blockSize, Block_nr: blocks, Frame_size: frameSize, Frame_nr: blocks * blockSize / frameSize,
			Retire_blk_tov: uint32(retire.Milliseconds()),
		})
	}
	if err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if c.shared, err = unix.Mmap(c.fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return os.NewSyscallError("mmap", err)
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
	if c.shared == nil {
		return os.ErrClosed
	}
	c.count()
	c.skip, c.dropped, c.ring = c.accepted, 0, ring{most: c.ring.most}
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

// take takes the packets in all blocks that are ours, and gives these back.
func (c *Capture) take() {
	for range blocks {
		block := c.shared[c.next*blockSize:][:blockSize]
		header := (*unix.TpacketHdrV1)(unsafe.Pointer(&block[unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)]))
		if atomic.LoadUint32(&header.Block_status)&unix.TP_STATUS_USER == 0 {
			return
		}
		at := header.Offset_to_first_pkt
		for range header.Num_pkts {
			p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[at]))
			from := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&block[at+unix.SizeofTpacket3Hdr]))
			c.add(p, from.Pkttype == unix.PACKET_OUTGOING, block[at+uint32(p.Mac):][:p.Snaplen])
			at += p.Next_offset
		}
		atomic.StoreUint32(&header.Block_status, unix.TP_STATUS_KERNEL)
		c.next = (c.next + 1) % blocks
	}
}

// add keeps a frame.
func (c *Capture) add(h *unix.Tpacket3Hdr, out bool, frame []byte) {
	if c.taken++; c.taken <= c.skip {
		return
	}
	data, length := slices.Clone(frame), int32(h.Len)
	if h.Status&unix.TP_STATUS_VLAN_VALID != 0 && len(frame) >= etherType {
		tag := binary.BigEndian.AppendUint16(nil, h.Hv1.Vlan_tpid)
		tag = binary.BigEndian.AppendUint16(tag, uint16(h.Hv1.Vlan_tci))
		data = slices.Insert(data, etherType, tag...)
		length += int32(len(tag))
	}
	c.ring.add(packet{int64(h.Sec)*int64(time.Second) + int64(h.Nsec), length, out, data})
}

// count asks the kernel what it accepted, and what it had no room for, since it
// was last asked.
func (c *Capture) count() {
	if stats, err := unix.GetsockoptTpacketStatsV3(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		c.accepted += uint64(stats.Packets - stats.Drops) // the former has the latter in it
		c.dropped += int(stats.Drops)
	}
}

// settle takes all that was accepted up to now.
func (c *Capture) settle() {
	c.count()
	for end := time.Now().Add(settleTime); ; time.Sleep(retire / 4) {
		if c.take(); c.taken >= c.accepted || time.Now().After(end) {
			return
		}
	}
}

// Close ends the capture. What was not written is gone.
func (c *Capture) Close() error {
	c.end.Do(func() {
		close(c.stop)
		<-c.done
		c.mu.Lock()
		defer c.mu.Unlock()
		c.release()
	})
	return c.err
}

func (c *Capture) release() {
	if c.shared != nil {
		_ = unix.Munmap(c.shared)
	}
	_ = unix.Close(c.fd)
	c.shared = nil
}
