package icmp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// epoch is when these tests' requests are sent, at instants of their own.
var epoch = instant{wall: 1_700_000_000e9, mono: 5e9}

func (i instant) plus(d time.Duration) instant { return instant{i.wall + int64(d), i.mono + int64(d)} }

// clockSet is i after somebody has set the wall clock forward by d.
func (i instant) clockSet(d time.Duration) instant { return instant{i.wall + int64(d), i.mono} }

const ms = time.Millisecond

// incoming is a reply, to a request sent at epoch.
type incoming struct {
	seq   uint32
	after time.Duration // until the kernel got it; below 0: not stamped
	read  instant       // zero: when it came
}

func TestWhatAReplyIsWorth(t *testing.T) {
	type verdict struct {
		Outcome outcome
		RTT     time.Duration
	}
	for _, tt := range []struct {
		name     string
		left     time.Duration // until the driver got the request; 0: not known
		replies  []incoming
		verdicts []verdict
		received int
		late     int
		twice    int
	}{
		{"in time", 0, []incoming{{seq: 1, after: 3 * ms}},
			[]verdict{{measured, 3 * ms}}, 1, 0, 0},
		{"counted from when it left", 2 * ms, []incoming{{seq: 1, after: 3 * ms}},
			[]verdict{{measured, ms}}, 1, 0, 0},
		{"at the last moment", 0, []incoming{{seq: 1, after: 100 * ms}},
			[]verdict{{measured, 100 * ms}}, 1, 0, 0},
		{"in time, but read late", 0, []incoming{{1, 3 * ms, epoch.plus(time.Second)}},
			[]verdict{{measured, 3 * ms}}, 1, 0, 0},
		{"too late", 0, []incoming{{seq: 1, after: 101 * ms}},
			[]verdict{{late, 101 * ms}}, 0, 1, 0},
		{"late after ARP, which does not count", 300 * ms, []incoming{{seq: 1, after: 320 * ms}},
			[]verdict{{measured, 20 * ms}}, 1, 0, 0},
		{"twice", 0, []incoming{{seq: 1, after: ms}, {seq: 1, after: 2 * ms}},
			[]verdict{{measured, ms}, {duplicate, 0}}, 1, 0, 1},
		{"thrice, the first of them late", 0, []incoming{{seq: 1, after: 200 * ms}, {seq: 1, after: 201 * ms}, {seq: 1, after: 202 * ms}},
			[]verdict{{late, 200 * ms}, {duplicate, 0}, {duplicate, 0}}, 0, 1, 2},
		{"to what was not sent yet", 0, []incoming{{seq: 3, after: ms}},
			[]verdict{{ignored, 0}}, 0, 0, 0},
		{"to what could not be sent", 0, []incoming{{seq: 2, after: ms}},
			[]verdict{{ignored, 0}}, 0, 0, 0},
		{"to what is forgotten", 0, []incoming{{seq: 0, after: ms}},
			[]verdict{{late, 0}}, 0, 1, 0},
		{"without a time", 0, []incoming{{1, -1, epoch.plus(7 * ms)}},
			[]verdict{{unstamped, 7 * ms}}, 1, 0, 0},
		{"without a time, and late", 0, []incoming{{1, -1, epoch.plus(time.Second)}},
			[]verdict{{late, time.Second}}, 0, 1, 0},
		{"after the clock was set back", 0, []incoming{{1, 3*ms - time.Hour, epoch.plus(7 * ms).clockSet(-time.Hour)}},
			[]verdict{{stepped, 7 * ms}}, 1, 0, 0},
		{"after the clock was set back by less than the RTT", 0, []incoming{{1, 40 * ms, epoch.plus(60 * ms).clockSet(-20 * ms)}},
			[]verdict{{stepped, 60 * ms}}, 1, 0, 0},
		{"after the clock was set forward", 0, []incoming{{1, 3*ms + time.Hour, epoch.plus(7 * ms).clockSet(time.Hour)}},
			[]verdict{{stepped, 7 * ms}}, 1, 0, 0},
		{"too late, and the clock was set", 0, []incoming{{1, ms, epoch.plus(time.Second).clockSet(-time.Second)}},
			[]verdict{{late, time.Second}}, 0, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p int
			f := flight{timeout: 100 * ms, pending: &p}
			f.begin(1, epoch)
			f.begin(2, epoch)
			f.cancel(2)
			if tt.left > 0 {
				f.departed(1, epoch.plus(tt.left).wall)
			}
			var got []verdict
			for _, r := range tt.replies {
				stamp := epoch.plus(r.after).wall
				switch {
				case r.after == -1:
					stamp = 0
				case r.read == instant{}:
					r.read = epoch.plus(r.after)
				}
				rtt, o := f.arrived(r.seq, stamp, r.read)
				got = append(got, verdict{o, rtt})
			}
			if diff := cmp.Diff(tt.verdicts, got); diff != "" {
				t.Error(diff)
			}
			counts := []int{f.sent, f.received, f.late, f.duplicates}
			if diff := cmp.Diff([]int{1, tt.received, tt.late, tt.twice}, counts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPendingIsWhatWaitsForItsReply(t *testing.T) {
	var p int
	f := flight{timeout: 100 * ms, pending: &p}
	want := func(n, sent int) {
		t.Helper()
		if p != n || f.sent != sent {
			t.Errorf("%d pending of %d sent, want %d of %d", p, f.sent, n, sent)
		}
	}
	for seq := range uint32(4) {
		f.begin(seq, epoch.plus(time.Duration(seq)*ms))
	}
	want(4, 4)
	f.arrived(0, epoch.plus(ms).wall, epoch.plus(ms))
	f.arrived(0, epoch.plus(ms).wall, epoch.plus(ms)) // again
	want(3, 4)
	f.cancel(1)
	f.cancel(1)
	want(2, 3)
	f.begin(1, epoch.plus(5*ms)) // tried again
	want(3, 4)
	f.end(epoch.plus(102 * ms)) // 2 has had its time, 1 and 3 not
	want(1, 2)
}

func TestOnlyYoungRequestsAreRemembered(t *testing.T) {
	var p int
	f := flight{timeout: time.Second, pending: &p}
	const hour = 3600
	for seq := range uint32(hour) {
		f.begin(seq, epoch.plus(time.Duration(seq)*time.Second))
	}
	if n := len(f.requests); n < 10 || n > 15 {
		t.Errorf("%d requests are remembered after an hour, want those of about 11 seconds", n)
	}
	if f.sent != hour || p != len(f.requests) {
		t.Errorf("%d sent, %d pending", f.sent, p)
	}
	last := epoch.plus((hour - 1) * time.Second)
	if rtt, o := f.arrived(hour-1, last.plus(ms).wall, last.plus(ms)); o != measured || rtt != ms {
		t.Errorf("the last has %v, %s", o, rtt)
	}
}

func TestBothClocksAreReadTogether(t *testing.T) {
	first := now()
	for range 1000 {
		if i := now(); i.steppedSince(first) {
			t.Errorf("%+v, and before %+v: who has set the clock?", i, first)
		}
	}
	if at := epoch.plus(time.Minute); at.clockSet(25 * ms).steppedSince(epoch) {
		t.Error("what NTP does in a minute is taken for a step")
	}
}
