package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/record"
)

// scale is one way to show values of a unit: multiplied, with a label behind.
type scale struct {
	factor float64
	label  string
}

// scales are those of a unit, from small values to large ones.
var scales = map[record.Unit][]scale{
	record.Seconds:   {{1e6, "µs"}, {1e3, "ms"}, {1, "s"}},
	record.Percent:   {{1, "%"}},
	record.PerSecond: {{1, "/s"}},
	record.BitRate:   {{1, "bit/s"}, {1e-3, "kbit/s"}, {1e-6, "Mbit/s"}, {1e-9, "Gbit/s"}},
	record.Bytes:     {{1, "B"}, {1e-3, "kB"}, {1e-6, "MB"}, {1e-9, "GB"}},
	record.Count:     {{1, ""}},
}

// scaleFor is the scale for values of which the largest is most.
func scaleFor(unit record.Unit, most float64) scale {
	all := scales[unit]
	for _, s := range all {
		if most == 0 && s.factor == 1 || most != 0 && math.Abs(most)*s.factor < 999.5 {
			return s
		}
	}
	if len(all) == 0 {
		return scale{1, string(unit)}
	}
	return all[len(all)-1]
}

// value is one value with its unit, in three digits.
func value(v float64, unit record.Unit) string {
	s := scaleFor(unit, v)
	return strings.TrimSpace(number(v*s.factor) + " " + s.label)
}

// number is v in three digits, or more if it is large.
func number(v float64) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 100 {
		digits = min(2-int(math.Floor(math.Log10(a))), 6)
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// rounded keeps four digits, which is enough for a plot or a table.
func rounded(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', max(4, 1+int(math.Log10(math.Abs(v)+1))), 64), 64)
	return v
}

// took is how long something took.
func took(seconds float64) string {
	if math.Abs(seconds) < 60 {
		return value(seconds, record.Seconds)
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
