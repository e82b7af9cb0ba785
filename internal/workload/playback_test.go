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

func TestWhatMustBeAheadForAHigherBitrate(t *testing.T) {
	for name, tt := range map[string]struct {
		buffer time.Duration
		list   playlist
		want   time.Duration
	}{
		"a whole video":       {30 * time.Second, list(0, 9, true), 10 * time.Second},
		"with a small buffer": {8 * time.Second, list(0, 9, true), 4 * time.Second},
		"a live one":          {30 * time.Second, list(0, 9, false), 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&viewer{Video: Video{Buffer: tt.buffer}}).enough(tt.list); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestWhereAViewerGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		list       playlist
		next, from int64
	}{
		"a whole video from its first segment":     {list(5, 2, true), -1, 5},
		"and on":                                   {list(5, 2, true), 6, 6},
		"and again":                                {list(5, 2, true), 7, 5},
		"a live one from three durations behind":   {list(10, 9, false), -1, 16},
		"from the first, if there are not so many": {list(10, 2, false), -1, 10},
		"the next is there":                        {list(11, 9, false), 17, 17},
		"the next is to come":                      {list(10, 3, false), 13, 13},
		"so is the one after it, in another variant that is behind": {list(10, 3, false), 14, 14},
		"nothing is there yet":   {list(4, 0, false), -1, 4},
		"the next is gone":       {list(14, 3, false), 11, 14},
		"a live one has ended":   {list(10, 3, true), 13, 10},
		"the server counts anew": {list(0, 9, false), 1000, 6},
	} {
		t.Run(name, func(t *testing.T) {
			if from := tt.list.from(tt.next); from != tt.from {
				t.Errorf("from %d, want %d", from, tt.from)
			}
		})
	}
}
