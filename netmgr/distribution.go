package netmgr

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Distribution is how long things took: percentiles from an HDR histogram
// (hdrhistogram.org), extremes as they were. A nil Distribution is empty.
type Distribution struct {
	histogram interface {
		RecordValue(int64) error
		ValueAtPercentile(float64) int64
		TotalCount() int64
	}
	least, most time.Duration
	sum         time.Duration
}

// Times are told apart from a microsecond on. What takes longer than a minute
// counts as a minute, but for the extremes.
const shortest, longest = time.Microsecond, time.Minute

// newDistribution keeps three digits of each time, and takes 200 KB.
func newDistribution() *Distribution {
	return &Distribution{histogram: hdrhistogram.New(int64(shortest), int64(longest), 3)}
}

// newSmallDistribution keeps two digits of each time, and takes less than 1 KB
// as long as times are much alike.
func newSmallDistribution() *Distribution {
	return &Distribution{histogram: hdrhistogram.NewPacked(int64(shortest), int64(longest), 2)}
}

func (d *Distribution) record(t time.Duration) {
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

// Percentile is a time which q percent of all times do not exceed: the upper
// bound of the histogram's bucket, so at most 0.1 percent too long for all
// clients together, and 1 percent for one client. Zero when nothing was
// recorded.
func (d *Distribution) Percentile(q float64) time.Duration {
	if d.Count() == 0 {
		return 0
	}
	return max(d.least, min(d.most, time.Duration(d.histogram.ValueAtPercentile(q))))
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
