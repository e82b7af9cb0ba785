package report

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/lanstorm/lanstorm/internal/record"
)

// timeline is all of a scenario that is shown over time, for the page's script.
// Times are in seconds after its start.
type timeline struct {
	Clock  int      `json:"clock"` // the start, in seconds after midnight where the tester stands
	Spans  []span   `json:"spans"` // of activities
	Panels []*panel `json:"panels"`
}

type span struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// panel is one chart, or one heat map.
type panel struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Factor float64 `json:"factor"` // of the values of a chart, for that unit
	Note   string  `json:"note,omitempty"`
	Parts  []part  `json:"parts,omitempty"` // of a chart, one after another
	Heat   *heat   `json:"heat,omitempty"`
	of     record.Chart
	most   float64 // of its values
}

// part is the chart of one activity.
type part struct {
	From  float64       `json:"from"`
	Step  float64       `json:"step"`
	Lines []record.Line `json:"lines"`
}

// mostPoints is how many points a line of a part has, at most: more than a
// screen, and few enough for a mail.
const mostPoints = 4000

// heat is a byte for each client and span of time, row by row.
type heat struct {
	From    float64  `json:"from"`
	Step    float64  `json:"step"`
	Clients []string `json:"clients"`
	Columns int      `json:"columns"`
	Most    int8     `json:"most"`   // of the scale of colours
	Values  string   `json:"values"` // signed bytes in base64; below zero: there is none
}

// over is a scenario over time, nil when there is nothing to show.
func over(s record.Scenario) *timeline {
	var t timeline
	for _, step := range s.Steps {
		for _, a := range step.Activities {
			if s.Start.IsZero() {
				s.Start = a.Start
			}
			after := func(at time.Time) float64 { return math.Round(at.Sub(s.Start).Seconds()*1e3) / 1e3 }
			if a.Heat != nil {
				t.Panels = append(t.Panels, heatPanel(a.Heat, after(a.Heat.Start)))
			}
			for _, c := range a.Charts {
				t.add(c, after(c.Start))
			}
			if len(a.Charts) > 0 || a.Heat != nil {
				t.Spans = append(t.Spans, span{a.Name, after(a.Start), after(a.Start) + max(a.Seconds, 1e-3)})
			}
		}
	}
	if t.Panels == nil {
		return nil
	}
	t.Clock = s.Start.Hour()*3600 + s.Start.Minute()*60 + s.Start.Second()
	return &t
}

// add adds to the chart that an earlier activity has of the same, such as one of
// the tester, and puts it below those of this activity. Of a long series each
// point is the highest of several values, so that no peak is lost.
func (t *timeline) add(c record.Chart, from float64) {
	same := func(a, b record.Line) bool { return a.Name == b.Name }
	p := &panel{Name: c.Name, of: c}
	if i := slices.IndexFunc(t.Panels, func(p *panel) bool {
		return p.Heat == nil && p.Name == c.Name && p.of.Unit == c.Unit && slices.EqualFunc(p.of.Lines, c.Lines, same)
	}); i >= 0 {
		p = t.Panels[i]
		t.Panels = slices.Delete(t.Panels, i, i+1)
	}
	group := 1
	for _, l := range c.Lines {
		group = max(group, (len(l.Values)+mostPoints-1)/mostPoints)
	}
	added := part{From: from, Step: pause(c.Step) * float64(group)}
	if group > 1 {
		p.Note = "each point is the highest value of " + took(added.Step)
	}
	for _, l := range c.Lines {
		values := []*float64{}
		for some := range slices.Chunk(l.Values, group) {
			var highest *float64
			for _, v := range some {
				if v != nil && (highest == nil || *v > *highest) {
					highest = v
				}
			}
			if highest != nil {
				p.most = max(p.most, math.Abs(*highest))
				highest = new(rounded(*highest))
			}
			values = append(values, highest)
		}
		added.Lines = append(added.Lines, record.Line{Name: l.Name, Values: values})
	}
	p.Factor, p.Unit = c.Unit.Scale(p.most)
	p.Parts = append(p.Parts, added)
	t.Panels = append(t.Panels, p)
}

// pause is the time between two values; one that was not recorded is a second.
func pause(step float64) float64 {
	if step > 0 {
		return step
	}
	return 1
}

func heatPanel(h *record.Heat, from float64) *panel {
	made := &heat{From: from, Step: pause(h.Step), Most: 1}
	for _, row := range h.Rows {
		made.Columns = max(made.Columns, len(row.Values))
	}
	var packed []byte
	for _, row := range h.Rows {
		made.Clients = append(made.Clients, row.Client)
		for i := range made.Columns {
			v := int8(-1)
			if i < len(row.Values) {
				v = row.Values[i]
			}
			made.Most = max(made.Most, v)
			packed = append(packed, byte(v))
		}
	}
	if h.Unit == record.Percent {
		made.Most = 100
	}
	made.Values = base64.StdEncoding.EncodeToString(packed)
	_, unit := h.Unit.Scale(0)
	return &panel{Name: h.Name, Unit: unit, Heat: made}
}

// cells makes a table to show, with one unit for all numbers of a column.
func cells(from *record.Table) record.Table {
	shown := record.Table{Rows: make([][]any, len(from.Rows))}
	for n, row := range from.Rows {
		shown.Rows[n] = append([]any{}, row[:min(len(row), len(from.Columns))]...)
	}
	for i, c := range from.Columns {
		most := 0.0
		for _, row := range shown.Rows {
			if i < len(row) {
				v, _ := row[i].(float64)
				most = max(most, math.Abs(v))
			}
		}
		factor, unit := c.Unit.Scale(most)
		if unit != "" && !c.Text {
			c.Name += " (" + unit + ")"
		}
		shown.Columns = append(shown.Columns, c)
		for _, row := range shown.Rows {
			if i < len(row) {
				if v, ok := row[i].(float64); ok {
					row[i] = rounded(v * factor)
				}
			}
		}
	}
	return shown
}

// problems is what was wrong with clients, as a table.
func problems(all []record.Problem) record.Table {
	t := record.Table{Columns: []record.Column{{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "stage", Text: true}, {Name: "what happened", Text: true}}}
	for _, p := range all {
		t.Rows = append(t.Rows, []any{p.Client, p.MAC, p.Stage, p.Text})
	}
	return t
}

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
