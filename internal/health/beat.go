package health

import (
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The beat, and when its delays are a limit. A client's shortest time-outs are
// a second, or three quarters of one for a DISCOVER's first repetition.
const (
	// A second of fast beats gives a short watch enough to be judged by. They
	// cost 1 % of a processor that has nothing else to do, and less of a busy
	// one. Longer watches get by with slow beats: 0.4 %, all readings included.
	fastBeat  = 10 * time.Millisecond
	slowBeat  = 100 * time.Millisecond
	fastBeats = 100

	// lateForLatency is a 99th percentile beyond which times are ours rather
	// than the router's: replies are stamped by the kernel, but requests are
	// stamped here, and are sent as late as everything else.
	lateForLatency = 20 * time.Millisecond

	// lateForCreation is one for work whose own times are not measured that
	// finely, a tenth of a time-out: it cannot change what succeeds.
	lateForCreation = 100 * time.Millisecond

	// standstill is a single delay that makes a time-out worthless, however
	// rare it is: half of one.
	standstill = 500 * time.Millisecond
)

// beats is a goroutine's diary of how late it woke up. It wakes through a timer
// and then queues up behind all goroutines that are ready to run, as one does
// that has received a packet. So it feels what they feel: many goroutines ready
// at once, processors taken by other programs, pauses of the whole machine.
type beats struct {
	count  int
	delays *hdrhistogram.Histogram // in microseconds
}

// longest is what the histogram holds; a longer delay is recorded as that.
const longest = time.Minute

func newBeats() *beats { return &beats{delays: hdrhistogram.New(1, longest.Microseconds(), 2)} }

// beat waits for the next one and records its delay. It returns false when stop
// is closed.
func (b *beats) beat(stop <-chan struct{}) bool {
	interval := slowBeat
	if b.count++; b.count <= fastBeats {
		interval = fastBeat
	}
	due := time.Now().Add(interval)
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-stop:
	case <-timer.C:
		// The timer makes us the next to run; now go to the end of the queue.
		runtime.Gosched()
	}
	b.late(time.Since(due), interval)
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

// late records the delay of a beat, and with it those of the beats that were
// missed meanwhile: work that was due then waited for the rest of it.
func (b *beats) late(d, interval time.Duration) {
	if d >= 0 { // or else it was stopped before it was due
		_ = b.delays.RecordCorrectedValue(min(d, longest).Microseconds(), interval.Microseconds())
	}
}

func (b *beats) judge(r *Report) {
	r.Delay = Delay{
		P99: time.Duration(b.delays.ValueAtPercentile(99)) * time.Microsecond,
		Max: time.Duration(b.delays.Max()) * time.Microsecond,
	}
	limit := lateForLatency
	if r.flatout {
		limit = lateForCreation
	}
	switch {
	case r.Delay.P99 > limit:
		r.limit(RunQueue, fewer, "lanstorm itself had to wait for a processor, for %s or more in 1 of 100 cases and %s at most (%s would do no harm)",
			round(r.Delay.P99), round(r.Delay.Max), limit)
	case r.Delay.Max >= standstill:
		r.limit(RunQueue, fewer, "lanstorm itself stood still for %s, waiting for a processor", round(r.Delay.Max))
	}
}
