package icmp

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// pollInterval is how often replies are looked for. The kernel has put
// the time on them when they came, so to wait for several at once costs no
// precision, and saves a wake-up for each.
const pollInterval = 20 * time.Millisecond

// open gives every client that has a target a socket, and has epoll(7) watch
// them all.
func (r *prober) open() {
	errs := guard.Each(len(r.all), few, func(i int) (err error) {
		c := r.all[i]
		if c.Err == nil {
			c.fd, err = c.Client.open(r.echo.id)
		}
		return err
	})
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		r.broken = fmt.Errorf("tester: cannot ping: epoll: %w", err)
		return
	}
	for i, c := range r.all {
		if c.err = cmp.Or(c.Err, errs[i]); c.err != nil {
			continue
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(r.able))} // for epoll a number like any
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
			c.err = fmt.Errorf("epoll: %w", err)
			continue
		}
		r.able = append(r.able, c)
	}
}

func (r *prober) close() {
	for _, c := range r.all {
		if c.fd >= 0 {
			unix.Close(c.fd)
			c.fd = -1
		}
	}
	if r.epoll >= 0 {
		unix.Close(r.epoll)
		r.epoll = -1
	}
}

// few is how many clients are visited at one time: more would only wait for the door
// of package namespace.
var few = 2*runtime.NumCPU() + 2

// awaitStamps waits, for a second or so, until the kernel puts a time on packets
// that come in. It does so for all or none of them, and begins when it has time
// to, after the first socket has asked for it (net_enable_timestamp, dev.c).
// A client sends echo requests to itself meanwhile.
func (r *prober) awaitStamps() {
	const tries = 1000
	var msg [headerLen + echoPayloadLen]byte
	var packet [256]byte
	var control [256]byte
	probe := newEcho() // another: nothing of it is ours
	probe.id = r.echo.id
	fd, family := r.able[0].fd, r.able[0].family()
	probe.request(&msg, family, 0)
	for range tries {
		if sendEcho(fd, msg[:], family.self) != nil {
			return
		}
		if n, _, stamp, _ := readStamped(fd, packet[:], control[:], 0); n > 0 && stamp > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// reader is what is read into.
type reader struct {
	events  [256]unix.EpollEvent
	packet  [1500]byte
	control [256]byte
}

// drain reads what there is.
func (r *prober) drain(in *reader) {
	const most = 100 // rounds, so that a flood does not keep us here
	for range most {
		n, err := unix.EpollWait(r.epoll, in.events[:], 0)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return
		}
		for _, e := range in.events[:n] {
			c := r.able[e.Fd]
			if e.Events&unix.EPOLLERR != 0 {
				r.readDepartures(c, in)
			}
			if e.Events&unix.EPOLLIN != 0 {
				r.readReply(c, in)
			}
		}
	}
}

// readDepartures reads the socket's error queue, to which the kernel adds each
// request when the driver gets it (timestamping.rst §1.4). ICMP errors come
// there as well, but from the socket itself more is learned of them.
func (r *prober) readDepartures(c *probed, in *reader) {
	for {
		n, _, stamp, err := readStamped(c.fd, in.packet[:], in.control[:], unix.MSG_ERRQUEUE)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			// The socket's pending error, if it is still there, is over with this.
			_, _ = unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
			return
		case stamp == 0:
			continue
		}
		if seq, ok := r.echo.departed(in.packet[:n]); ok {
			c.flight.departed(seq, stamp)
		}
	}
}

// readReply reads one packet. epoll tells if there are more.
func (r *prober) readReply(c *probed, in *reader) {
	n, from, stamp, err := readStamped(c.fd, in.packet[:], in.control[:], 0)
	if err != nil {
		return
	}
	packet := in.packet[:n]
	seq, ok := r.echo.reply(c.family(), packet)
	switch {
	case ok && from == c.Target:
		r.count(c, seq, stamp, in)
	case !ok && c.complaint == "":
		c.complaint = c.complaintOf(packet, from)
	}
}

// count notes a reply.
func (r *prober) count(c *probed, seq uint32, stamp int64, in *reader) {
	read := now()
	if c.flight.unknownDeparture(seq) { // it is there by now, though it may not have been when epoll looked
		r.readDepartures(c, in)
	}
	rtt, what := c.flight.arrived(seq, stamp, read)
	switch what {
	case measured:
		if c.rtt == nil {
			c.rtt = measure.NewSmallDistribution()
		}
		c.rtt.Record(rtt)
		r.rtt.Record(rtt)
		r.timeline.add(&r.recent, r.spans.of(read), rtt)
	case stepped:
		r.clockSteps++
	case unstamped:
		r.unstamped++
	}
}
