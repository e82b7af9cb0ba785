package lab

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// defaultBuffer is how long packets wait for the line when nobody says.
const defaultBuffer = 100 * time.Millisecond

// maxFrame is the longest frame of the line, which is an Ethernet.
const maxFrame = 1514

// setLine makes the line as fast as c says. Downloads wait where the router sends
// to the LAN: so does what it says itself, as in a router with one queue a port.
func (l *Lab) setLine(c fault.Conditions) error {
	return l.router.Do(func() error {
		return errors.Join(shape("lan", c.Line.Down, c.Buffer), shape("wan", c.Line.Up, c.Buffer))
	})
}

// shape lets rate bit/s out of a link of this namespace, and before it a queue
// that buffer fills: an HTB (net/sched/sch_htb.c) with a bfifo below. With a rate
// of 0 there is neither.
func shape(name string, rate uint64, buffer time.Duration) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	index, handle := link.Attrs().Index, netlink.MakeHandle(1, 0)
	root := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: index, Handle: handle, Parent: netlink.HANDLE_ROOT})
	root.Defcls = 1 // all that nobody sorts
	// What waits in it is lost, as when the line were cut for a moment.
	if err := netlink.QdiscDel(root); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("line: %w", err)
	}
	if rate == 0 {
		return nil
	}
	class := netlink.NewHtbClass(
		netlink.ClassAttrs{LinkIndex: index, Handle: handle | 1, Parent: handle},
		netlink.HtbClassAttrs{Rate: rate, Buffer: burst(rate), Cbuffer: burst(rate), Quantum: maxFrame})
	if err := netlink.QdiscAdd(root); err != nil {
		return fmt.Errorf("line: htb: %w", err)
	}
	if err := netlink.ClassAdd(class); err != nil {
		return fmt.Errorf("line: htb class: %w", err)
	}
	if err := addBfifo(index, handle|1, bytesOf(rate, buffer)); err != nil {
		return fmt.Errorf("line: bfifo: %w", err)
	}
	return nil
}

// burst is how many bytes may leave at once: eight milliseconds' worth, which a
// busy machine may be late.
func burst(rate uint64) uint32 { return uint32(max(rate/1000, 2*maxFrame)) }

// bytesOf is what a line carries in a time.
func bytesOf(rate uint64, d time.Duration) uint32 {
	return uint32(min(max(float64(rate)/8*d.Seconds(), 2*maxFrame), math.MaxUint32))
}

// addBfifo adds a first-in first-out queue of so many bytes, a type of which
// package netlink has none.
func addBfifo(link int, parent, limit uint32) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(link), Parent: parent})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bfifo")))
	req.AddData(nl.NewRtAttr(nl.TCA_OPTIONS, nl.Uint32Attr(limit))) // struct tc_fifo_qopt
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
