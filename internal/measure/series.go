package measure

import (
	"math"
	"time"
)

// Series is the mean of values in spans of time. It stays short, however long it
// goes on: when there are more than mostSpans, two become one.
type Series struct {
	Start time.Time
	Step  time.Duration
	sums  []float64
	times []int
}

const mostSpans = 600

// NewSeries begins with spans of step.
func NewSeries(start time.Time, step time.Duration) *Series { return &Series{Start: start, Step: step} }

// Add takes a value of a moment, none before those taken already.
func (s *Series) Add(at time.Time, v float64) {
	i := max(0, int(at.Sub(s.Start)/s.Step))
	for i >= mostSpans {
		s.halve()
		i /= 2
	}
	for len(s.sums) <= i {
		s.sums, s.times = append(s.sums, 0), append(s.times, 0)
	}
	s.sums[i] += v
	s.times[i]++
}

func (s *Series) halve() {
	s.Step *= 2
	for i := range s.sums {
		if i%2 == 1 {
			s.sums[i/2] += s.sums[i]
			s.times[i/2] += s.times[i]
			continue
		}
		s.sums[i/2], s.times[i/2] = s.sums[i], s.times[i]
	}
	half := (len(s.sums) + 1) / 2
	s.sums, s.times = s.sums[:half], s.times[:half]
}

// Values are the means, one a span, NaN where there was no value.
func (s *Series) Values() []float64 {
	values := make([]float64, len(s.sums))
	for i := range values {
		values[i] = math.NaN()
		if s.times[i] > 0 {
			values[i] = s.sums[i] / float64(s.times[i])
		}
	}
	return values
}

// Rates are the sums of the spans, per second: of bytes, bytes per second.
func (s *Series) Rates() []float64 {
	rates := make([]float64, len(s.sums))
	for i := range rates {
		rates[i] = s.sums[i] / s.Step.Seconds()
	}
	return rates
}

// Widen makes the spans as long as step, which must be one of those that the series
// would come to by itself: so several can be put side by side.
func (s *Series) Widen(step time.Duration) {
	for s.Step < step {
		s.halve()
	}
}
