package icmp

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/measure"
)

func TestAMeasurementHasSpansOfASecondOrMore(t *testing.T) {
	for _, tt := range []struct {
		p    Ping
		step time.Duration
		each bool
	}{
		{Ping{Count: 10, Interval: 100 * ms}, time.Second, true},
		{Ping{Count: 60, Interval: time.Second}, time.Second, true},
		{Ping{Count: 10, Interval: time.Minute}, time.Minute, true},
		{Ping{Count: 86400, Interval: time.Second}, 144 * time.Second, false},
	} {
		s := tt.p.spans(epoch)
		if s.step != tt.step || s.each != tt.each {
			t.Errorf("%+v: spans of %s, each client: %t; want %s, %t", tt.p, s.step, s.each, tt.step, tt.each)
		}
	}
}

func TestLossBySpan(t *testing.T) {
	s := Ping{Count: 4, Interval: time.Second}.spans(epoch)
	f := flight{timeout: 100 * ms, pending: new(int), spans: &s}
	for i := range uint32(4) {
		f.begin(i, epoch.plus(time.Duration(i)*time.Second))
	}
	f.begin(4, epoch.plus(3500*ms))
	f.arrived(0, epoch.plus(ms).wall, epoch.plus(ms))
	f.cancel(2)
	f.arrived(4, epoch.plus(3501*ms).wall, epoch.plus(3501*ms))
	if diff := cmp.Diff([]int8{0, 100, -1, 50}, losses(f.shares)); diff != "" {
		t.Error(diff)
	}
}

func TestPercentilesBySpan(t *testing.T) {
	var l Timeline
	d := measure.NewSmallDistribution()
	l.add(&d, 0, 2*ms)
	l.add(&d, 0, 2*ms)
	l.add(&d, 2, 5*ms)
	l.until(&d, 3)
	if len(l.P50) != 3 || l.P50[0] != 0.002 || !math.IsNaN(l.P99[1]) || l.P95[2] != 0.005 {
		t.Errorf("%+v", l)
	}
}
