// Package health watches the tester while it tests: whether this machine loses
// packets, runs out of processor time or is slowed down meanwhile: a fault of
// the tester's shall not be reported as the router's. It reads proc(5) and
// sysfs, and keeps its own beat; nothing is changed.
package health

import (
	"cmp"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options says what is going on while the tester is watched.
type Options struct {
	// Parent is the link that the clients hang on, in the network namespace
	// that /sys shows.
	Parent string

	// Flatout means that clients are made as fast as the processors allow: full
	// processors alone are then no limit, and waits for them may be longer.
	Flatout bool

	// FS is the folder whose proc and sys are read; default "/".
	FS string
}

// Counters is what the clients themselves counted meanwhile. The link of a
// client counts a frame of a protocol that nobody here speaks as rx_dropped,
// too, so LinkDrops should be its rx_errors and tx_dropped (macvlan.c).
type Counters struct {
	NoBuffers int // sends that were refused with ENOBUFS, whether repeated or not
	Overflows int // packets lost because a socket was read too slowly (SO_RXQ_OVFL, PACKET_STATISTICS)
	LinkDrops int // packets that the clients' links dropped

	Broken string // why answers to clients could not be heard; empty when they could
}

// Watch is a tester being watched, from Start to Stop.
type Watch struct {
	opts    Options
	started time.Time
	beats   *beats
	sources []*watched

	stop chan struct{}
	done chan struct{} // closed when the goroutine is gone

	once   sync.Once
	report Report
}

// source is one thing that is watched. Its judge may be called after any number
// of readings, none included.
type source interface {
	read(now time.Time) error
	judge(*Report)
}

// watched is a source that is read once more every so often.
type watched struct {
	name  string // for Report.Unwatched
	every time.Duration
	source
	due time.Time
	err error // ended the readings
}

// sampling is how often the counters are read of which it matters when they
// move. It takes 0.1 to 0.4 ms, the latter when nothing is in the caches.
const sampling = 200 * time.Millisecond

// never is for counters of which the first reading and the last will do.
const never = time.Duration(1<<63 - 1)

// Start takes the first readings and watches until Stop, with one goroutine.
// It cannot fail: what cannot be read is told in Report.Unwatched.
func Start(opts Options) *Watch {
	w := newWatch(opts, time.Now())
	go w.run()
	return w
}

func newWatch(opts Options, now time.Time) *Watch {
	opts.FS = cmp.Or(opts.FS, "/")
	root, proc := os.DirFS(opts.FS), filepath.Join(opts.FS, "proc")
	w := &Watch{
		opts:    opts,
		started: now,
		beats:   newBeats(),
		sources: []*watched{
			{name: Softnet, every: never, source: &softnet{proc: proc, root: root}},
			{name: ParentDrops, every: sampling, source: &bursts{link: link{root, opts.Parent}}},
			{name: ParentDrops, every: never, source: &losses{link: link{root, opts.Parent}}},
			{name: Neighbours, every: never, source: &neighbours{root: root}},
			{name: CPU + " and " + Steal, every: sampling, source: &processors{proc: proc}},
			{name: Throttled, every: time.Second, source: &pi{root: root}},
		},
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	w.look(now, false)
	return w
}

// run beats, and between two beats reads what is due.
func (w *Watch) run() {
	defer close(w.done)
	for w.beats.beat(w.stop) {
		w.look(time.Now(), false)
	}
}

// look reads the sources that are due, or all of them for the last time.
func (w *Watch) look(now time.Time, last bool) {
	for _, s := range w.sources {
		if s.err != nil || !last && now.Before(s.due) {
			continue
		}
		s.due = now.Add(s.every)
		s.err = s.read(now)
	}
}

// Stop takes the last readings and judges what happened since Start, together
// with what the clients counted. It may be called again, and then returns the
// same Report.
func (w *Watch) Stop(counted ...Counters) Report {
	w.once.Do(func() {
		close(w.stop)
		<-w.done
		now := time.Now()
		w.look(now, true)
		w.report = w.judge(now, counted)
	})
	return w.report
}

func (w *Watch) judge(now time.Time, counted []Counters) Report {
	r := Report{Took: now.Sub(w.started), flatout: w.opts.Flatout}
	for _, s := range w.sources {
		if s.err != nil {
			r.unwatched(s.name, s.err)
		}
		s.judge(&r)
	}
	w.beats.judge(&r)
	judgeCounters(&r, counted)
	return r
}
