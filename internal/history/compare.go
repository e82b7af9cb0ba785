package history

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Call is what a comparison says of a verdict or a figure.
type Call string

// The calls. TooFew is said of runs.
const Same, Worse, Better, TooFew, OnlyA, OnlyB Call = "same", "worse", "better", "too few", "only A", "only B"

// fewest is how many runs a side it takes to call a figure worse or better.
const fewest = 5

// floors are differences that do not matter, whatever their share.
var floors = map[record.Unit]float64{
	record.Seconds: 0.0002, record.Percent: 1, record.PerSecond: 1, record.BitRate: 100e3, record.Bytes: 64 << 10, record.Count: 1,
}

// passed is the unit of a verdict: 1, or 0 if the scenario failed.
const passed record.Unit = "passed"

// Row is a key figure of a scenario on both sides, or its verdict.
type Row struct {
	key
	Call   Call
	values [2][]float64 // sorted
	Dots   []dot        // all values, with their runs
}

type key struct {
	Scenario, Name string
	Unit           record.Unit
}

// Comparison is what changed from side A to side B.
type Comparison struct {
	Sides [2]string
	Rows  []*Row
	Count map[Call]int
}

// Compare compares runs. Scenarios that neither passed nor failed say nothing: what
// they measured may be the tester's own.
func Compare(names [2]string, sides [2][]Entry) *Comparison {
	c, rows := &Comparison{Count: map[Call]int{}}, map[key]*Row{}
	for side, runs := range sides {
		c.Sides[side] = fmt.Sprintf("%c: %s: %d runs, from %s", 'A'+side, record.Clean(names[side]), len(runs), runs[0].Start.Format("2006-01-02 15:04"))
		for _, e := range runs {
			for _, s := range e.Scenarios {
				verdict := record.Figure{Name: "verdict", Unit: passed}
				if s.Verdict == record.Passed {
					verdict.Value = 1
				} else if s.Verdict != record.Failed && s.Verdict != record.Known {
					continue
				}
				for _, f := range append([]record.Figure{verdict}, s.Figures...) {
					k := key{record.Clean(s.Name + " (" + s.File + ")"), record.Clean(f.Name), f.Unit}
					if rows[k] == nil {
						rows[k] = &Row{key: k}
						c.Rows = append(c.Rows, rows[k])
					}
					rows[k].values[side] = append(rows[k].values[side], f.Value)
					rows[k].Dots = append(rows[k].Dots, dot{Run: &e, Value: f.Value})
				}
			}
		}
	}
	for _, r := range c.Rows {
		slices.Sort(r.values[0])
		slices.Sort(r.values[1])
		r.Call = judge(r.values[0], r.values[1], r.Unit)
		c.Count[r.Call]++
	}
	return c
}

// judge calls a verdict worse when what always passed now fails, or what passed at
// times never does. A figure is worse or better when the ranges of both sides do not
// overlap, and the medians differ by more than a tenth and more than the floor.
func judge(a, b []float64, unit record.Unit) Call {
	switch {
	case len(b) == 0:
		return OnlyA
	case len(a) == 0:
		return OnlyB
	case unit != passed && min(len(a), len(b)) < fewest:
		return TooFew
	}
	more := median(b) - median(a)
	same := a[len(a)-1] >= b[0] && b[len(b)-1] >= a[0] || math.Abs(more) <= max(math.Abs(median(a))/10, floors[unit])
	if unit == passed {
		more = b[0] + b[len(b)-1] - a[0] - a[len(a)-1]
		same = more == 0
	}
	switch {
	case same:
		return Same
	case (more > 0) == highIsGood(unit):
		return Better
	}
	return Worse
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return sorted[(n-1)/2]/2 + sorted[n/2]/2
}

// Side is "3 of 5 passed", or the median of the values of a side with their range.
func (r *Row) Side(side int) string {
	v := r.values[side]
	switch failed, _ := slices.BinarySearch(v, 1); {
	case len(v) == 0:
		return "-"
	case r.Unit == passed:
		return fmt.Sprintf("%d of %d passed", len(v)-failed, len(v))
	case len(v) == 1:
		return r.Unit.Format(v[0])
	}
	return fmt.Sprintf("%s (%s to %s)", r.Unit.Format(median(v)), r.Unit.Format(v[0]), r.Unit.Format(v[len(v)-1]))
}

// Summary is how many verdicts and figures are called what.
func (c *Comparison) Summary() string {
	return fmt.Sprintf("%d worse, %d better, %d the same, %d with fewer than %d runs a side, %d only on one side",
		c.Count[Worse], c.Count[Better], c.Count[Same], c.Count[TooFew], fewest, c.Count[OnlyA]+c.Count[OnlyB])
}

// Print writes what is not the same.
func (c *Comparison) Print(to io.Writer) error {
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s\n%s\n", c.Sides[0], c.Sides[1])
	scenario := ""
	for _, r := range c.Rows {
		if r.Call != Same && r.Scenario != scenario {
			scenario = r.Scenario
			fmt.Fprintf(out, "\n%s\n", scenario)
		}
		if r.Call != Same {
			fmt.Fprintf(out, "  %s\t%s\t%s\t%s\n", r.Name, r.Side(0), r.Side(1), r.Call)
		}
	}
	fmt.Fprintf(out, "\nVerdicts and key figures: %s\n", c.Summary())
	return out.Flush()
}
