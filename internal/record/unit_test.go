package record

import (
	"math"
	"testing"
)

func TestValuesForPeople(t *testing.T) {
	for _, tt := range []struct {
		value float64
		unit  Unit
		want  string
	}{
		{0, Seconds, "0 s"}, {0.0000123, Seconds, "12.3 µs"}, {0.0012, Seconds, "1.2 ms"}, {0.0123456, Seconds, "12.3 ms"}, {0.5, Seconds, "500 ms"},
		{0.9996, Seconds, "1 s"}, {2.3456, Seconds, "2.35 s"}, {90, Seconds, "90 s"}, {86400, Seconds, "86400 s"}, {-0.25, Seconds, "-250 ms"},
		{0.5, Percent, "0.5 %"}, {12.345, Percent, "12.3 %"}, {1234.5, PerSecond, "1234 /s"}, {17, PerSecond, "17 /s"},
		{94.2e6, BitRate, "94.2 Mbit/s"}, {3e13, BitRate, "30000 Gbit/s"}, {12, Bytes, "12 B"}, {20e6, Bytes, "20 MB"},
		{0, Count, "0"}, {12, Count, "12"}, {1000000, Count, "1000000"}, {0.5, Count, "0.5"}, {7, "W\x1b", "7 W\uFFFD"}, {math.MaxFloat64, Count, "1.8e+308"},
	} {
		if got := tt.unit.Format(tt.value); got != tt.want {
			t.Errorf("%v %q: %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}
