package icmp

import "time"

// flight is one client's requests that are under way, and counts what became
// of the others. A request is known by its sequence number; each is the one
// before plus one.
type flight struct {
	timeout time.Duration
	pending *int    // requests of all clients that have no reply yet
	spans   *spans  // may be nil
	shares  []share // of the spans

	first    uint32        // sequence number of requests[0]
	requests []echoRequest // in order; of old ones only the counts are kept

	sent, received, late, duplicates int
}

type echoRequest struct {
	state requestState
	sent  instant // just before the system call
	left  int64   // when the driver got it, by the wall clock in nanoseconds; 0: unknown
}

type requestState byte

const (
	unsent requestState = iota
	waiting
	answered
)

// tooLate is how long after its timeout a request is remembered. A reply after
// that still counts as late, even if it is a duplicate.
const tooLate = 10 * time.Second

// begin notes that request seq is about to be sent.
func (f *flight) begin(seq uint32, at instant) {
	f.forget(at)
	if len(f.requests) == 0 {
		f.first = seq
	}
	for next := f.first + uint32(len(f.requests)); seq >= next; next++ {
		f.requests = append(f.requests, echoRequest{})
	}
	if seq < f.first { // it has waited for a place in the send queue for longer than any does
		return
	}
	f.requests[seq-f.first] = echoRequest{state: waiting, sent: at}
	f.sent++
	f.share(at).sent++
	*f.pending++
}

// cancel takes begin back: seq was not sent.
func (f *flight) cancel(seq uint32) {
	if r := f.find(seq); r != nil && r.state == waiting {
		r.state = unsent
		f.sent--
		f.share(r.sent).sent--
		*f.pending--
	}
}

// departed notes when the driver got request seq, by the wall clock. A packet
// may pass several drivers, and the last is the nearest to the wire.
func (f *flight) departed(seq uint32, at int64) {
	if r := f.find(seq); r != nil {
		r.left = max(r.left, at)
	}
}

// outcome is what a reply is worth.
type outcome byte

const (
	ignored   outcome = iota // to nothing that was sent
	duplicate                // to a request that had one
	late                     // after the timeout
	measured                 // in time, and the RTT is good
	stepped                  // in time, but the clock was set meanwhile
	unstamped                // in time, but the kernel does not say when it came
)

// arrived notes a reply to request seq that came when the wall clock showed
// stamp (0: unknown), and was read at read.
func (f *flight) arrived(seq uint32, stamp int64, read instant) (rtt time.Duration, o outcome) {
	r := f.find(seq)
	switch {
	case r == nil && seq < f.first:
		f.late++
		return 0, late
	case r == nil || r.state == unsent:
		return 0, ignored
	case r.state == answered:
		f.duplicates++
		return 0, duplicate
	}
	r.state = answered
	*f.pending--

	o = measured
	rtt = time.Duration(stamp - max(r.left, r.sent.wall))
	switch {
	case stamp == 0:
		rtt, o = read.since(r.sent), unstamped
	case rtt < 0 || read.steppedSince(r.sent):
		rtt, o = read.since(r.sent), stepped
	}
	if rtt > f.timeout {
		f.late++
		return rtt, late
	}
	f.received++
	f.share(r.sent).received++
	return rtt, o
}

// share is that of the span in which a request was sent.
func (f *flight) share(sent instant) *share {
	if f.spans == nil || !f.spans.each {
		return &share{}
	}
	return tally(&f.shares, f.spans.of(sent))
}

// unknownDeparture reports whether seq waits for a reply and the driver has
// not told when it left.
func (f *flight) unknownDeparture(seq uint32) bool {
	r := f.find(seq)
	return r != nil && r.state == waiting && r.left == 0
}

// end takes those that could still have got their reply out of the count.
func (f *flight) end(at instant) {
	for i := range f.requests {
		if r := &f.requests[i]; r.state == waiting && at.since(r.sent) < f.timeout {
			f.cancel(f.first + uint32(i))
		}
	}
}

func (f *flight) find(seq uint32) *echoRequest {
	if seq < f.first || seq-f.first >= uint32(len(f.requests)) {
		return nil
	}
	return &f.requests[seq-f.first]
}

// forget drops the oldest requests.
func (f *flight) forget(at instant) {
	old := 0
	for old < len(f.requests) && at.since(f.requests[old].sent) > f.timeout+tooLate {
		if f.requests[old].state == waiting {
			*f.pending--
		}
		old++
	}
	if old > 0 {
		f.requests = append(f.requests[:0], f.requests[old:]...)
		f.first += uint32(old)
	}
}

// instant is one moment on both clocks, in nanoseconds. Kernel timestamps are
// of the wall clock, which somebody may set at any time; the monotonic one
// shows when that happened.
type instant struct{ wall, mono int64 }

// clockOrigin is zero on the monotonic clock.
var clockOrigin = time.Now()

// now reads both clocks within readGap, so that their difference means
// something: between two readings the thread may have to wait for a processor.
func now() instant {
	const readGap = 50 * time.Microsecond
	var t time.Time
	before := time.Now()
	for range 10 {
		// Go reads the wall clock first: so both readings lie in between.
		t = time.Now()
		if t.Sub(before) < readGap {
			break
		}
		before = t
	}
	return instant{t.UnixNano(), int64(t.Sub(clockOrigin))}
}

// since is the time from t to i, whatever the wall clock was set to.
func (i instant) since(t instant) time.Duration { return time.Duration(i.mono - t.mono) }

// steppedSince reports whether the wall clock was set between t and i. NTP
// also slows it down or speeds it up, by 0.05 percent at most (adjtimex(2)).
func (i instant) steppedSince(t instant) bool {
	const tolerance = time.Millisecond
	step := time.Duration((i.wall - i.mono) - (t.wall - t.mono))
	return step.Abs() > tolerance+i.since(t)/1000
}
