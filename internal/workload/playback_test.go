package workload

import (
	"fmt"
	"testing"
	"time"
)

// What is seen when pieces of 4 s arrive at these times, up to 20 s.
func TestPlaybackStandsStillWithoutPieces(t *testing.T) {
	for name, tt := range map[string]struct {
		arrive          []float64
		played, stalled time.Duration
		stalls          int
		want            string
	}{
		"nothing arrives":            {nil, 0, 0, 0, "<nil>"},
		"as it is played":            {[]float64{1, 4, 8, 12, 16}, 19 * time.Second, 0, 0, "<nil>"},
		"at the last moment":         {[]float64{0, 4, 8, 12, 16}, 20 * time.Second, 0, 0, "<nil>"},
		"one is late":                {[]float64{0, 5, 8, 12, 16}, 19 * time.Second, 1 * time.Second, 1, "stalled 1.0 s of 20 s (5 %), once"},
		"all are late":               {[]float64{0, 6, 12, 18}, 14 * time.Second, 6 * time.Second, 3, "stalled 6.0 s of 20 s (30 %), 3 times"},
		"one, and nothing after it":  {[]float64{2}, 4 * time.Second, 14 * time.Second, 1, "stalled 14.0 s of 18 s (77.8 %), once"},
		"all at once":                {[]float64{0, 0, 0, 0, 0}, 20 * time.Second, 0, 0, "<nil>"},
		"two at a time, and so late": {[]float64{0, 0, 10, 10}, 16 * time.Second, 4 * time.Second, 2, "stalled 4.0 s of 20 s (20 %), 2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p := playback{at: start}
			for _, at := range tt.arrive {
				p.add(start.Add(time.Duration(at*1e9)), piece{4 * time.Second, 1e6})
			}
			for _, at := range []time.Duration{18, 19, 19, 20} { // often or seldom is the same
				p.pass(start.Add(at * time.Second))
			}
			if p.played != tt.played || p.stalled != tt.stalled || p.stalls != tt.stalls {
				t.Errorf("played %s, stalled %s, %d times", p.played, p.stalled, p.stalls)
			}
			if err := p.judge(0.01); fmt.Sprint(err) != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func TestVariantsAreChosenByThroughput(t *testing.T) {
	streams := []stream{{variant: variant{bandwidth: 1e6}}, {variant: variant{bandwidth: 2e6}}, {variant: variant{bandwidth: 2e6}}, {variant: variant{bandwidth: 4e6}}}
	for bits, want := range map[float64]int{0: 0, 1e5: 0, 2.4e6: 0, 2.5e6: 1, 4.9e6: 1, 5e6: 3, 1e12: 3} {
		if got := choose(streams, bits); got != want {
			t.Errorf("at %g bit/s: variant %d, want %d", bits, got, want)
		}
	}
}

// list is n segments of 2 s from a number on.
func list(from int64, n int, ended bool) playlist {
	p := playlist{sequence: from, target: 2 * time.Second, ended: ended}
	for range n {
		p.segments = append(p.segments, segment{duration: 2 * time.Second})
	}
	return p
}

func TestPlaces(t *testing.T) {
	type step struct {
		list      playlist
		i, missed int64 // i -1: not there yet
	}
	for name, steps := range map[string][]step{
		"a whole video goes round":                               {{list(5, 2, true), 0, 0}, {list(5, 2, true), 1, 0}, {list(5, 2, true), 0, 0}},
		"a live one begins at its edge":                          {{list(10, 9, false), 6, 0}, {list(10, 9, false), 7, 0}, {list(11, 9, false), 7, 0}},
		"it is waited for":                                       {{list(10, 1, false), 0, 0}, {list(10, 1, false), -1, 0}, {list(11, 1, false), 0, 0}},
		"nothing there at first":                                 {{list(0, 0, false), -1, 0}, {list(0, 9, false), 6, 0}},
		"what fell out of the list is missed":                    {{list(10, 3, false), 0, 0}, {list(14, 3, false), 0, 3}, {list(14, 3, false), 1, 0}},
		"a live one that ends, and begins again":                 {{list(10, 3, false), 0, 0}, {list(10, 2, true), 1, 0}, {list(10, 2, true), 0, 0}},
		"a server that counts anew":                              {{list(1000, 9, false), 6, 0}, {list(0, 9, false), 6, 0}},
		"variants of a whole video that count from 0 and from 7": {{list(0, 9, true), 0, 0}, {list(7, 9, true), 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var p place
			for n, s := range steps {
				i, missed := p.find(&s.list)
				there := i < len(s.list.segments)
				if there && int64(i) != s.i || there == (s.i < 0) || missed != s.missed {
					t.Fatalf("step %d: segment %d of %d, %d missed", n+1, i, len(s.list.segments), missed)
				}
				if there {
					p.pass(s.list.segments[i])
				}
			}
		})
	}
}
