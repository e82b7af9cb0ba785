package measure

import (
	"fmt"
	"time"
)

// Times is "1 DISCOVER", "2 DISCOVERs".
func Times(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Short leaves a time three digits or so.
func Short(d time.Duration) time.Duration {
	for unit := time.Microsecond; unit < time.Second; unit *= 10 {
		if d.Abs() < 100*unit {
			return d.Round(unit / 10)
		}
	}
	return d.Round(10 * time.Millisecond)
}
