package measure

import (
	"testing"
	"time"
)

func TestTimesAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 43210: "43.2µs", 432100: "432µs", 4321 * time.Microsecond: "4.32ms", 43210 * time.Microsecond: "43.2ms",
		432100 * time.Microsecond: "432ms", 4321 * ms: "4.32s", 61 * time.Second: "1m1s", -43210: "-43.2µs",
	} {
		if got := Short(d).String(); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}
