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
	left := max(0, to.Sub(p.at))
	p.at = to
	if !p.begun {
		return
	}
	for left > 0 && len(p.pieces) > 0 {
		first := &p.pieces[0]
		step := min(left, first.left)
		p.bitrate = first.bitrate
		p.played += step
		left -= step
		if first.left -= step; first.left == 0 {
			p.pieces = slices.Delete(p.pieces, 0, 1)
		}
	}
	if left > 0 {
		if p.still == 0 {
			p.stalls++
		}
		p.still += left
		p.stalled += left
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

// place is how far a viewer has come. The variants of a whole video may be cut in
// different ways, so a time tells it; those of a live one are known by number.
type place struct {
	known bool
	live  bool
	time  time.Duration
	next  int64
}

// find is the index of the segment to be fetched next, or how many there are if
// it is not there yet. Those missed are no longer in the list.
func (p *place) find(list *playlist) (i int, missed int64) {
	count := int64(len(list.segments))
	if !p.known {
		p.known, p.live, p.next = count > 0, !list.ended, list.edge()
	}
	if !p.live {
		var start time.Duration
		for i, s := range list.segments {
			if start+s.duration/2 > p.time { // not just by the rounding of durations
				return i, 0
			}
			start += s.duration
		}
		p.time = 0 // from the beginning again
		return 0, 0
	}
	switch end := list.sequence + count; {
	case p.next < list.sequence:
		missed = list.sequence - p.next
		p.next = list.sequence
	case p.next >= end && list.ended:
		p.next = list.sequence
	case p.next > end+count: // the server counts anew
		p.next = list.edge()
	}
	return int(min(p.next-list.sequence, count)), missed
}

func (p *place) pass(s segment) {
	p.time += s.duration
	p.next++
}

// edge is the number of the segment with which a live video begins: three target
// durations before the end (RFC 8216 §6.3.3).
func (p *playlist) edge() int64 {
	i, behind := len(p.segments), time.Duration(0)
	for i > 0 && behind < 3*p.target {
		i--
		behind += p.segments[i].duration
	}
	return p.sequence + int64(i)
}
