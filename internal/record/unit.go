package record

import (
	"math"
	"strconv"
)

// Unit is one of a few.
type Unit string

// The units.
const (
	Seconds   Unit = "s"
	Percent   Unit = "%"
	PerSecond Unit = "1/s"
	BitRate   Unit = "bit/s"
	Bytes     Unit = "B"
	Count     Unit = ""
)

// Scale is how values are shown of which the largest is most: multiplied by
// factor, with label behind them, such as 1000 and "ms".
func (u Unit) Scale(most float64) (factor float64, label string) {
	prefixes, factor, label := []string{""}, 1.0, Clean(string(u))
	switch u {
	case Seconds:
		prefixes, factor = []string{"µ", "m", ""}, 1e6
	case BitRate, Bytes:
		prefixes = []string{"", "k", "M", "G"}
	case PerSecond:
		label = "/s"
	}
	if most == 0 {
		return 1, label
	}
	for len(prefixes) > 1 && math.Abs(most)*factor >= 999.5 {
		prefixes, factor = prefixes[1:], factor/1000
	}
	return factor, prefixes[0] + label
}

// Format is a value for people, such as "12.3 ms".
func (u Unit) Format(v float64) string {
	factor, label := u.Scale(v)
	if label == "" {
		return Digits(v)
	}
	return Digits(v*factor) + " " + label
}

// Digits writes a number with three digits, or all that stand before the point.
func Digits(v float64) string {
	if size := math.Abs(v); size >= 100 && size < 1e9 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
