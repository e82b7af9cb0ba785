// Package measure is figures without pointers to what was measured: they can be
// written to a file and read on another machine.
package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Distribution is how long things took: percentiles from an HDR histogram
// (hdrhistogram.org), extremes as they were. A nil Distribution is empty.
type Distribution struct {
	histogram   *hdrhistogram.PackedHistogram
	least, most time.Duration
	sum         time.Duration
}

// Times are told apart from a microsecond on. What takes longer than a minute
// counts as a minute, but for the extremes.
const shortest, longest = time.Microsecond, time.Minute

// NewDistribution keeps three digits of each time.
func NewDistribution() *Distribution { return newDistribution(3) }

// NewSmallDistribution keeps two digits of each time, and takes less than 1 KB
// as long as times are much alike.
func NewSmallDistribution() *Distribution { return newDistribution(2) }

func newDistribution(digits int) *Distribution {
	return &Distribution{histogram: hdrhistogram.NewPacked(int64(shortest), int64(longest), digits)}
}

// Record adds a time; one below zero counts as zero.
func (d *Distribution) Record(t time.Duration) {
	t = max(t, 0)
	if err := d.histogram.RecordValue(int64(min(t, longest))); err != nil {
		return // cannot be, within those bounds
	}
	if d.Count() == 1 || t < d.least {
		d.least = t
	}
	d.most = max(d.most, t)
	d.sum += t
}

// Count is how many times were recorded.
func (d *Distribution) Count() int {
	if d == nil {
		return 0
	}
	return int(d.histogram.TotalCount())
}

// Percentile is the least of the times which q percent of all do not exceed (nearest
// rank): the upper bound of the histogram's bucket, so at most 0.1 percent too long for all
// clients together, and 1 percent for one client. Zero when nothing was
// recorded.
func (d *Distribution) Percentile(q float64) time.Duration {
	if d.Count() == 0 {
		return 0
	}
	n := float64(d.Count())
	rank := math.Ceil(q/100*n - 1e-9) // the histogram would round
	return max(d.least, min(d.most, time.Duration(d.histogram.ValueAtPercentile(100*rank/n))))
}

// P50 is the median.
func (d *Distribution) P50() time.Duration { return d.Percentile(50) }

// P95 is the 95th percentile.
func (d *Distribution) P95() time.Duration { return d.Percentile(95) }

// P99 is the 99th percentile.
func (d *Distribution) P99() time.Duration { return d.Percentile(99) }

// Min is the shortest time, zero when nothing was recorded.
func (d *Distribution) Min() time.Duration {
	if d == nil {
		return 0
	}
	return d.least
}

// Max is the longest time, zero when nothing was recorded.
func (d *Distribution) Max() time.Duration {
	if d == nil {
		return 0
	}
	return d.most
}

// Mean is the average, zero when nothing was recorded.
func (d *Distribution) Mean() time.Duration {
	if d.Count() == 0 {
		return 0
	}
	return d.sum / time.Duration(d.Count())
}

// distributionJSON is a Distribution in a file. The percentiles are there for
// those who read it without a library; the histogram is in the format V2 of
// hdrhistogram.org, compressed, in base64.
type distributionJSON struct {
	Count     int     `json:"count"`
	Min       float64 `json:"min_seconds"`
	Mean      float64 `json:"mean_seconds"`
	P50       float64 `json:"p50_seconds"`
	P95       float64 `json:"p95_seconds"`
	P99       float64 `json:"p99_seconds"`
	Max       float64 `json:"max_seconds"`
	Histogram string  `json:"histogram"`
}

// MarshalJSON writes all of it.
func (d *Distribution) MarshalJSON() ([]byte, error) {
	histogram, err := d.histogram.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(distributionJSON{
		d.Count(), d.Min().Seconds(), d.Mean().Seconds(),
		d.P50().Seconds(), d.P95().Seconds(), d.P99().Seconds(), d.Max().Seconds(), string(histogram),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Distribution) UnmarshalJSON(text []byte) error {
	var j distributionJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	histogram, err := hdrhistogram.DecodePacked([]byte(j.Histogram))
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	d.histogram, d.least, d.most = histogram, duration(j.Min), duration(j.Max)
	d.sum = duration(j.Mean) * time.Duration(d.Count())
	return nil
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}
