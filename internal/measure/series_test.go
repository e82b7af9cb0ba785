package measure

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestASeriesIsMeansBySpan(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	s := NewSeries(start, time.Second)
	for at, v := range map[time.Duration]float64{0: 1, 500 * time.Millisecond: 3, 2 * time.Second: 5} {
		s.Add(start.Add(at), v)
	}
	if diff := cmp.Diff([]float64{2, math.NaN(), 5}, s.Values(), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestASeriesStaysShort(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	s := NewSeries(start, time.Second)
	for i := range 86400 {
		s.Add(start.Add(time.Duration(i)*time.Second), float64(i))
	}
	values := s.Values()
	if len(values) > mostSpans || s.Step != 256*time.Second {
		t.Fatalf("%d spans of %s", len(values), s.Step)
	}
	for i, v := range values[:len(values)-1] {
		if want := float64(i*256) + 127.5; v != want {
			t.Fatalf("span %d has %v, want %v", i, v, want)
		}
	}
}
