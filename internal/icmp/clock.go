package icmp

import "time"

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
