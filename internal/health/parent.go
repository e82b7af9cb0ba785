package health

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// link reads the counters of a link, see sysfs-class-net-statistics.
type link struct {
	root fs.FS
	name string
}

func (l link) read(counter string) (int, error) {
	dir := path.Join("sys/class/net", l.name)
	n, err := machine.Number(l.root, path.Join(dir, counter))
	if err != nil {
		if _, statErr := fs.Stat(l.root, dir); l.name == "" || statErr != nil {
			return 0, fmt.Errorf("no link is called %q", l.name)
		}
	}
	return n, err
}

// counter is how far one of the kernel's has grown since its first reading.
type counter struct {
	seen         bool
	first, grown int
}

func (c *counter) read(n int) {
	if !c.seen {
		c.seen, c.first = true, n
	}
	c.grown = n - c.first
}

// strays is how many received frames in a sampling interval a link may drop
// without having lost any.
//
// The queue in which macvlan keeps broadcasts for the clients counts what does
// not fit in it as rx_dropped of the parent (macvlan_broadcast_enqueue). But so
// does the kernel with frames of protocols that nobody here speaks, such as
// LLDP, spanning tree or a switch's loop detection (__netif_receive_skb_core),
// and nothing tells the two apart afterwards. Their pace does: of the latter
// there are a few a second at most, while a queue overflows because hundreds
// come at once. So drops count by the burst.
const strays = 10

// bursts watches for overflows of the parent's queue of broadcasts.
type bursts struct {
	link
	seen    bool
	at      time.Time
	before  int
	dropped int // in bursts
}

func (b *bursts) read(now time.Time) error {
	dropped, err := b.link.read("statistics/rx_dropped")
	if err != nil {
		return err
	}
	if b.seen {
		// A late reading is no burst.
		intervals := max(1, int((now.Sub(b.at)+sampling/2)/sampling))
		if n := dropped - b.before; n > strays*intervals {
			b.dropped += n
		}
	}
	b.seen, b.at, b.before = true, now, dropped
	return nil
}

func (b *bursts) judge(r *Report) {
	if b.dropped > 0 {
		r.limit(ParentDrops, fewerNow, "%s dropped on arrival at %s, faster than the clients could be given them (rx_dropped)",
			measure.Times(b.dropped, "packet"), b.name)
	}
}

// lossCounters are those of a link that move only when packets are lost: the
// hardware had no room for them, or the driver would not send them.
var lossCounters = [...]string{"rx_missed_errors", "rx_fifo_errors", "rx_over_errors", "tx_dropped"}

const ofSending = len(lossCounters) - 1 // indexes tx_dropped

// losses watches the parent's hardware and driver.
type losses struct {
	link
	lost    [len(lossCounters)]counter
	changes counter
	flapped bool // the link went down or up meanwhile
}

func (l *losses) read(time.Time) error {
	changes, err := l.link.read("carrier_changes")
	if err != nil {
		return err
	}
	for i, counter := range lossCounters {
		n, err := l.link.read("statistics/" + counter)
		if err != nil {
			return err
		}
		l.lost[i].read(n)
	}
	l.changes.read(changes)
	carrier, err := l.link.read("carrier") // which cannot be read while the link is down
	without := err == nil && carrier == 0 || errors.Is(err, unix.EINVAL)
	l.flapped = l.flapped || l.changes.grown != 0 || without
	return nil
}

var errLostCarrier = errors.New("the parent lost its carrier meanwhile")

func (l *losses) judge(r *Report) {
	r.flapped = l.flapped
	var found []string
	for i, c := range l.lost {
		switch {
		case c.grown <= 0:
		case i == ofSending && l.flapped:
			// A router that restarts takes the link down, and what is sent then
			// is dropped: by a veth, at least.
			r.unwatched(ParentDrops, fmt.Errorf("tx_dropped: %w", errLostCarrier))
		default:
			found = append(found, fmt.Sprintf("%s %d", lossCounters[i], c.grown))
		}
	}
	if found != nil {
		r.limit(ParentDrops, fewerNow, "%s lost packets (%s)", l.name, strings.Join(found, ", "))
	}
}
