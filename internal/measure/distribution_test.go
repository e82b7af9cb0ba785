package measure

import (
	"encoding/json"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestPercentiles(t *testing.T) {
	for _, tt := range []struct {
		name      string
		d         *Distribution
		precision float64
	}{
		{"of all clients", NewDistribution(), 0.001},
		{"of one client", NewSmallDistribution(), 0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range 1000 {
				tt.d.Record(time.Duration(i+1) * time.Millisecond)
			}
			for q, want := range map[float64]time.Duration{50: 500 * ms, 95: 950 * ms, 99: 990 * ms, 100: 1000 * ms} {
				got := tt.d.Percentile(q)
				if got < want || float64(got) > float64(want)*(1+tt.precision) {
					t.Errorf("%v %% do not exceed %s, want %s", q, got, want)
				}
			}
			if tt.d.Count() != 1000 || tt.d.Min() != ms || tt.d.Max() != time.Second || tt.d.Mean() != 500500*time.Microsecond {
				t.Errorf("%d from %s to %s, mean %s", tt.d.Count(), tt.d.Min(), tt.d.Max(), tt.d.Mean())
			}
		})
	}
}

func TestExtremesOfADistribution(t *testing.T) {
	d := NewSmallDistribution()
	d.Record(-time.Second)
	d.Record(time.Hour)
	if d.Count() != 2 || d.Min() != 0 || d.Max() != time.Hour || d.Percentile(100) < time.Minute {
		t.Errorf("%d from %s to %s, %s", d.Count(), d.Min(), d.Max(), d.Percentile(100))
	}
	one := NewDistribution()
	one.Record(1234567)
	if one.P50() != 1234567 || one.P99() != 1234567 {
		t.Errorf("the only time is 1.234567ms, not %s", one.P50())
	}
	for _, d := range []*Distribution{nil, NewDistribution()} {
		if d.Count() != 0 || d.P50() != 0 || d.P95() != 0 || d.P99() != 0 || d.Min() != 0 || d.Max() != 0 || d.Mean() != 0 {
			t.Errorf("%+v is not empty", d)
		}
	}
}

func TestADistributionCanBeWrittenAndRead(t *testing.T) {
	for name, d := range map[string]*Distribution{"of all clients": NewDistribution(), "of one client": NewSmallDistribution()} {
		t.Run(name, func(t *testing.T) {
			for i := range 1000 {
				d.Record(time.Duration(i*i) * time.Microsecond)
			}
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var read *Distribution
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			for _, q := range []float64{1, 50, 90, 99, 99.9, 100} {
				if read.Percentile(q) != d.Percentile(q) {
					t.Errorf("%v %%: %s, was %s", q, read.Percentile(q), d.Percentile(q))
				}
			}
			if read.Count() != d.Count() || read.Min() != d.Min() || read.Max() != d.Max() || read.Mean() != d.Mean() {
				t.Errorf("%+v, was %+v", read, d)
			}
			for _, broken := range []string{`{"histogram":"AAAA"}`, `{"histogram":""}`, `{"count":"x"}`} {
				if err := json.Unmarshal([]byte(broken), &read); err == nil {
					t.Errorf("%s is taken", broken)
				}
			}
		})
	}
}
