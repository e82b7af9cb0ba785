package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

// plot is the cumulative distribution of times: which share took how long at
// most. Its times are on a logarithmic axis.
type plot struct {
	Name   string
	Marks  []mark // of the axis
	Curves []curve
}

type mark struct {
	X    float64
	Text string // empty where there is no room
}

type curve struct {
	Name   string
	Times  *measure.Distribution
	Points string // empty when there are no times
}

// The frame of a plot, in which page.html.tmpl draws the rest.
const plotLeft, plotRight, plotTop, plotBottom = 36, 340, 10, 186

// plots are those of distributions, one for each name of a plot.
func plots(all []record.Distribution) (made []*plot) {
	of := map[string]*plot{}
	for _, d := range all {
		p := of[d.Plot]
		if p == nil {
			p = &plot{Name: d.Plot}
			of[d.Plot], made = p, append(made, p)
		}
		p.Curves = append(p.Curves, curve{Name: d.Name, Times: d.Times})
	}
	for _, p := range made {
		p.draw()
	}
	return made
}

func (p *plot) draw() {
	least, most := math.Inf(1), 0.0
	for _, c := range p.Curves {
		if c.Times.Count() > 0 {
			least, most = min(least, axis(c.Times.Min())), max(most, axis(c.Times.Max()))
		}
	}
	if most == 0 {
		return
	}
	marks := decades(least, most)
	first, last := math.Log10(marks[0]), math.Log10(marks[len(marks)-1])
	x := func(seconds float64) float64 {
		return plotLeft + (plotRight-plotLeft)*(math.Log10(seconds)-first)/(last-first)
	}
	for i, seconds := range marks {
		m := mark{X: math.Round(x(seconds)*10) / 10}
		if room := (len(marks) + 5) / 6; i%room == 0 {
			m.Text = record.Seconds.Format(seconds)
		}
		p.Marks = append(p.Marks, m)
	}
	for i, c := range p.Curves {
		var b strings.Builder
		for permille := 0; permille <= 1000 && c.Times.Count() > 0; permille += 5 {
			t := c.Times.Percentile(float64(permille) / 10)
			if permille == 0 {
				t = c.Times.Min()
			}
			fmt.Fprintf(&b, "%.1f,%.1f ", x(axis(t)), plotBottom-float64(plotBottom-plotTop)*float64(permille)/1000)
		}
		p.Curves[i].Points = b.String()
	}
}

// axis is where a time is on a logarithmic axis, which has no zero.
func axis(t time.Duration) float64 { return max(t, time.Microsecond).Seconds() }

// decades are the marks of an axis from least to most: 1, 2, 5, 10 and so on, or
// of a long one the powers of ten.
func decades(least, most float64) (marks []float64) {
	steps := []float64{1, 2, 5}
	if most > 100*least {
		steps = steps[:1]
	}
	for power := math.Floor(math.Log10(least)); ; power++ {
		for _, step := range steps {
			mark := step * math.Pow(10, power)
			if mark <= least {
				marks = nil // the axis need not begin before this one
			}
			if marks = append(marks, mark); mark > most {
				return marks
			}
		}
	}
}
