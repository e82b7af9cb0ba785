package fault

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// Line is how fast the line to the provider is, in bit/s. Zero is as fast as the
// kernel can.
type Line struct{ Down, Up uint64 }

// The slowest and the fastest line.
const (
	slowest = 64e3
	fastest = 100e9
)

var (
	lineText = regexp.MustCompile(`^([0-9.]+)/([0-9.]+) ?([kMG])bit/s$`)
	bits     = map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9}
)

// ParseLine reads download and upload, such as "100/20 Mbit/s".
func ParseLine(text string) (Line, error) {
	if m := lineText.FindStringSubmatch(text); m != nil {
		down, err := strconv.ParseFloat(m[1], 64)
		up, err2 := strconv.ParseFloat(m[2], 64)
		unit := bits[m[3]] / 1e6
		if l := Mbits(down*unit, up*unit); err == nil && err2 == nil && within(l.Down) && within(l.Up) {
			return l, nil
		}
	}
	return Line{}, fmt.Errorf("%q is not a line (write it like 100/20 Mbit/s: download/upload, each from 64 kbit/s to 100 Gbit/s)", text)
}

func within(rate uint64) bool { return rate >= slowest && rate <= fastest }

// Mbits is a line of so many Mbit/s.
func Mbits(down, up float64) Line {
	return Line{uint64(math.Round(down * 1e6)), uint64(math.Round(up * 1e6))}
}

// String is what ParseLine reads back, or nothing.
func (l Line) String() string {
	if l == (Line{}) {
		return ""
	}
	mbits := func(rate uint64) string { return strconv.FormatFloat(float64(rate)/1e6, 'f', -1, 64) }
	return mbits(l.Down) + "/" + mbits(l.Up) + " Mbit/s"
}
