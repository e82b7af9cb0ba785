package workload

import (
	"fmt"
	"slices"
	"time"
)

// playback is what people see of a video: pieces of it arrive, and are played as
// time goes by. When there are none the picture stands still, until the next.
type playback struct {
	at              time.Time // up to when it was told
	pieces          []piece   // that are not played yet
	begun           bool
	played, stalled time.Duration // since it began
	stalls          int
	still           time.Duration // how long it has stood still now; 0: it plays
	bitrate         float64       // of the piece to be seen
}

type piece struct {
	left    time.Duration
	bitrate float64 // bit/s
}

// pass lets time go by.
func (p *playback) pass(to time.Time) {
	left := to.Sub(p.at)
	p.at = to
	for left > 0 && len(p.pieces) > 0 {
		first := &p.pieces[0]
		step := min(left, first.left)
		p.bitrate, p.played, left = first.bitrate, p.played+step, left-step
		if first.left -= step; first.left == 0 {
			p.pieces = slices.Delete(p.pieces, 0, 1)
		}
	}
	if left > 0 && p.begun {
		if p.still == 0 {
			p.stalls++
		}
		p.still, p.stalled = p.still+left, p.stalled+left
	}
}

// add has a piece arrive, and returns how long the picture stood still for want
// of it.
func (p *playback) add(at time.Time, next piece) (stall time.Duration) {
	p.pass(at)
	p.begun = true
	p.pieces = append(p.pieces, next)
	stall, p.still = p.still, 0
	return stall
}

// ahead is how much there is to be played.
func (p *playback) ahead() (sum time.Duration) {
	for _, piece := range p.pieces {
		sum += piece.left
	}
	return sum
}

// judge compares the rebuffer ratio (CTA-2066) with the most it may be.
func (p *playback) judge(most float64) error {
	all := p.played + p.stalled
	share := p.stalled.Seconds() / max(all, 1).Seconds()
	if share <= most {
		return nil
	}
	times := "once"
	if p.stalls > 1 {
		times = fmt.Sprintf("%d times", p.stalls)
	}
	return fmt.Errorf("stalled %.1f s of %.0f s (%.3g %%), %s", p.stalled.Seconds(), all.Seconds(), 100*share, times)
}
