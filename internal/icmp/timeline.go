package icmp

import (
	"math"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Timeline is a measurement by spans of time.
type Timeline struct {
	Start         time.Time
	Step          time.Duration
	P50, P95, P99 []float64 // of the replies that came in a span, in seconds; NaN when none did
}

// A measurement has at most mostSpans, and tells of each client by span when it
// takes no longer than detailed.
const (
	mostSpans = 600
	detailed  = 10 * time.Minute
)

// spans divides a measurement.
type spans struct {
	start instant
	step  time.Duration
	each  bool // clients are told of one by one
}

func (p Ping) spans(start instant) spans {
	took := time.Duration(p.Count) * p.Interval
	step := max(p.Interval, time.Second, took/mostSpans).Round(time.Second)
	return spans{start, max(step, time.Second), took <= detailed}
}

// of is the span that a moment is in.
func (s spans) of(at instant) int { return max(0, int(at.since(s.start)/s.step)) }

// share counts what a client sent in a span, and what of that had a reply in time.
type share struct{ sent, received uint16 }

// tally grows the shares up to span i and returns that one.
func tally(shares *[]share, i int) *share {
	for len(*shares) <= i && i < 2*mostSpans {
		*shares = append(*shares, share{})
	}
	if i >= len(*shares) {
		return &share{}
	}
	return &(*shares)[i]
}

// losses are the shares lost of each span, in percent; below zero where nothing
// was sent.
func losses(shares []share) (percent []int8) {
	for _, s := range shares {
		p := int8(-1)
		if s.sent > 0 {
			p = int8(math.Ceil(100 * float64(s.sent-s.received) / float64(s.sent)))
		}
		percent = append(percent, p)
	}
	return percent
}

// add takes the RTT of a reply that came in span i. Spans come in order.
func (t *Timeline) add(d **measure.Distribution, i int, rtt time.Duration) {
	t.until(d, i)
	(*d).Record(rtt)
}

// until ends the spans before i, of which d holds the last.
func (t *Timeline) until(d **measure.Distribution, i int) {
	for len(t.P50) < i && len(t.P50) < 2*mostSpans {
		none := (*d).Count() == 0
		for line, q := range map[*[]float64]float64{&t.P50: 50, &t.P95: 95, &t.P99: 99} {
			v := math.NaN()
			if !none {
				v = (*d).Percentile(q).Seconds()
			}
			*line = append(*line, v)
		}
		*d = measure.NewSmallDistribution()
	}
}
