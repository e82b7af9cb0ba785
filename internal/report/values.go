package report

import (
	"math"
	"strconv"
	"time"

	"github.com/lanstorm/lanstorm/internal/record"
)

// rounded keeps four digits, which is enough for a plot or a table.
func rounded(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', max(4, 1+int(math.Log10(math.Abs(v)+1))), 64), 64)
	return v
}

// took is how long something took.
func took(seconds float64) string {
	if math.Abs(seconds) < 60 {
		return record.Seconds.Format(seconds)
	}
	return time.Duration(math.Round(seconds) * float64(time.Second)).String()
}

// clock is a moment, where the tester stands.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}
