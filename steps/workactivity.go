package steps

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/workload"
)

func rate(bits float64) string { return record.BitRate.Format(bits) }

// progress is a line for the screen.
func (b *busy) progress() string {
	done, bytes := b.running.Progress()
	return fmt.Sprintf("%d of %d clients are done, %s moved", done, len(b.clients), workload.Size(bytes))
}

// workActivity is any work, whatever its kind.
func workActivity(b *busy, report health.Report, tester string) record.Activity {
	o, shares := b.outcome, b.outcome.Shares()
	bytes, done, failed := int64(0), 0, 0
	for _, r := range o.Clients {
		bytes, done, failed = bytes+r.Bytes, done+r.Operations, failed+r.Failed()
	}
	least := 1.0
	if len(shares) > 0 {
		least = slices.Min(shares)
	}
	summary := fmt.Sprintf("%s: %s, %d done, %d failed", b.what, measure.Times(len(o.Clients), "client"), done, failed)
	if bytes > 0 {
		summary += fmt.Sprintf("; %s at %s together%s; fairness %.2f, least share %.0f%%",
			workload.Size(bytes), rate(o.Throughput()), o.Without(), measure.Jain(shares), 100*least)
	}
	figures := []record.Figure{figure(b.kind+"s done", float64(done), record.Count), figure(b.kind+"s failed", float64(failed), record.Count)}
	if bytes > 0 {
		figures = append(figures, key(b.kind+" throughput", o.Throughput(), record.BitRate), figure(b.kind+" bytes", float64(bytes), record.Bytes),
			key(b.kind+" fairness (Jain)", measure.Jain(shares), record.Count), figure(b.kind+" least share", 100*least, record.Percent))
	}
	sums := sumsOf(o)
	for _, name := range sums {
		total := 0.0
		for _, r := range o.Clients {
			total += r.Sums[name]
		}
		figures = append(figures, figure(b.kind+" "+name, total, record.Count))
		if total > 0 {
			summary += fmt.Sprintf("; %s %s", name, record.Digits(total))
		}
	}
	a := activity(b.what, summary+tester, report)
	for _, part := range slices.Sorted(maps.Keys(o.Times)) {
		figures = append(figures, figure(b.kind+" "+part+" p95", o.Times[part].P95().Seconds(), record.Seconds))
		a.Distributions = append(a.Distributions, record.Distribution{Name: part, Plot: "time for the parts of a " + b.kind, Times: o.Times[part]})
	}
	a.Figures = append(figures, a.Figures...)
	if bytes > 0 {
		c := overTime(b.kind+" throughput", record.BitRate, 8, true, o, func(r workload.Result) *measure.Series { return r.Rate })
		if len(c.Lines[0].Values) > 1 { // what is over within a second has no rate of that second
			a.Charts = append([]record.Chart{c}, a.Charts...)
		}
	}
	for name, unit := range lines {
		if slices.ContainsFunc(o.Clients, func(r workload.Result) bool { return r.Lines[name] != nil }) {
			a.Charts = append(a.Charts, overTime(b.kind+" "+name, unit, 1, false, o, func(r workload.Result) *measure.Series { return r.Lines[name] }))
		}
	}
	a.Heat = stalls(o)
	a.Clients = workTable(o, shares, sums)
	return a
}

// lines are what workloads tell over time.
var lines = map[string]record.Unit{"bitrate": record.BitRate}

// sumsOf are the names of what was added up.
func sumsOf(o workload.Outcome) []string {
	names := map[string]bool{}
	for _, r := range o.Clients {
		for name := range r.Sums {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// overTime is a chart of all clients: their sum, if it makes sense, and the band
// in which they are.
func overTime(name string, unit record.Unit, factor float64, sum bool, o workload.Outcome, of func(workload.Result) *measure.Series) record.Chart {
	step := time.Second
	for _, r := range o.Clients {
		if s := of(r); s != nil {
			step = max(step, s.Step)
		}
	}
	var all [][]float64
	length := 0
	for _, r := range o.Clients {
		if s := of(r); s != nil {
			s.Widen(step)
			values := s.Values()
			if sum {
				values = s.Rates()
			}
			all, length = append(all, values), max(length, len(values))
		}
	}
	total, low, middle, high := spans(length), spans(length), spans(length), spans(length)
	for i := range length {
		var at []float64
		for _, values := range all {
			if i < len(values) && !math.IsNaN(values[i]) {
				at = append(at, values[i]*factor)
				total[i] = max(total[i], 0) + values[i]*factor
			} else if sum {
				at = append(at, 0)
			}
		}
		if slices.Sort(at); len(at) > 0 {
			low[i], middle[i], high[i] = at[0], at[len(at)/2], at[len(at)-1]
		}
	}
	band := []record.Line{{Name: "least client", Values: points(low)}, {Name: "median client", Values: points(middle)}, {Name: "most client", Values: points(high)}}
	if sum {
		band = append([]record.Line{{Name: "all clients", Values: points(total)}}, band...)
	}
	return chart(name, unit, o.Start, step, band...)
}

func spans(n int) []float64 {
	none := make([]float64, n)
	for i := range none {
		none[i] = math.NaN()
	}
	return none
}

// stalls is when whose video stood still.
func stalls(o workload.Outcome) *record.Heat {
	h := &record.Heat{Name: "stalled", Unit: record.Percent, Start: o.Start, Step: 1}
	for _, r := range o.Clients {
		s := r.Lines["stalled"]
		if s == nil {
			continue
		}
		h.Step = max(h.Step, s.Step.Seconds()) // the same for all who played as long
		row := record.HeatRow{Client: r.Client}
		for _, v := range s.Values() {
			share := int8(-1)
			if !math.IsNaN(v) {
				share = int8(math.Round(100 * v))
			}
			row.Values = append(row.Values, share)
		}
		h.Rows = append(h.Rows, row)
	}
	if h.Rows == nil {
		return nil
	}
	return h
}

func workTable(o workload.Outcome, shares []float64, sums []string) *record.Table {
	t := &record.Table{Columns: []record.Column{
		{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "work", Text: true}, {Name: "done"}, {Name: "failed"},
		{Name: "content", Unit: record.Bytes}, {Name: "goodput", Unit: record.BitRate}, {Name: "share", Unit: record.Percent},
	}}
	parts := slices.Sorted(maps.Keys(o.Times))
	for _, name := range sums {
		t.Columns = append(t.Columns, record.Column{Name: name})
	}
	for _, part := range parts {
		t.Columns = append(t.Columns, record.Column{Name: part + " p50", Unit: record.Seconds})
	}
	t.Columns = append(t.Columns, record.Column{Name: "reasons", Text: true})
	for i, r := range o.Clients {
		row := []any{r.Client, r.MAC, r.Kind, float64(r.Operations), float64(r.Failed()), float64(r.Bytes), r.Goodput(), 100 * shares[i]}
		for _, name := range sums {
			row = append(row, r.Sums[name])
		}
		for _, part := range parts {
			if d := r.Times[part]; d.Count() > 0 {
				row = append(row, d.P50().Seconds())
			} else {
				row = append(row, nil)
			}
		}
		reasons := strings.Join(slices.Sorted(maps.Keys(r.Failures)), "; ")
		t.Rows = append(t.Rows, append(row, none(reasons, reasons)))
	}
	return t
}
