package history

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/record"
)

type values = []float64

func TestWhenAFigureIsCalledChanged(t *testing.T) {
	five := func(v float64) values { return values{v, v, v, v, v} }
	for _, tt := range []struct {
		name string
		a, b values
		unit record.Unit
		want Call
	}{
		{"equal", five(1), five(1), record.Seconds, Same},
		{"a time that grows", five(0.010), five(0.012), record.Seconds, Worse},
		{"a time that shrinks", five(0.012), five(0.010), record.Seconds, Better},
		{"a rate that shrinks", five(120), five(100), record.PerSecond, Worse},
		{"a bit rate that grows", five(1e8), five(2e8), record.BitRate, Better},
		{"a loss that grows", five(0), five(2), record.Percent, Worse},
		{"messages sent again", five(1), five(9), record.Count, Worse},

		{"ranges overlap", values{1, 1, 1, 1, 3}, values{2, 5, 5, 5, 5}, record.Seconds, Same},
		{"ranges touch", values{1, 1, 1, 1, 2}, values{2, 5, 5, 5, 5}, record.Seconds, Same},
		{"a range within the other", values{1, 1, 1, 1, 9}, five(5), record.Seconds, Same},
		{"noise", values{1.00, 1.02, 1.03, 1.05, 1.09}, values{1.10, 1.11, 1.12, 1.13, 1.13}, record.Seconds, Same},
		{"a tenth", five(100), five(110), record.PerSecond, Same},
		{"more than a tenth", five(100), five(110.5), record.PerSecond, Better},
		{"many percent of little time", five(0.00002), five(0.0002), record.Seconds, Same},
		{"many percent of little loss", five(0.1), five(1), record.Percent, Same},
		{"one message more", five(0), five(1), record.Count, Same},
		{"from zero", five(0), five(0.5), record.Seconds, Worse},
		{"to zero", five(0.5), five(0), record.Seconds, Better},
		{"zeroes", five(0), five(0), record.Seconds, Same},
		{"below zero", five(-1), five(-2), record.Seconds, Better},
		{"as large as can be", five(-math.MaxFloat64), five(math.MaxFloat64), record.Seconds, Worse},

		{"four runs on one side", five(1), values{9, 9, 9, 9}, record.Seconds, TooFew},
		{"a run each", values{1}, values{9}, record.Seconds, TooFew},
		{"only before", five(1), nil, record.Seconds, OnlyA},
		{"only now", nil, five(1), record.Seconds, OnlyB},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := judge(tt.a, tt.b, tt.unit); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestWhenAVerdictIsCalledChanged(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want Call
	}{
		{"p", "p", Same}, {"f", "f", Same}, {"p", "f", Worse}, {"f", "p", Better},
		{"ppppp", "ppppf", Worse}, {"ppppf", "ppppp", Better}, {"pf", "ff", Worse}, {"ff", "pf", Better},
		{"ppf", "pff", Same}, // it was fickle before
		{"ppi", "ppp", Same}, {"p", "pi", Same}, {"p", "fi", Worse}, {"p", "i", OnlyA}, {"i", "f", OnlyB},
		{"p", "s", OnlyA}, {"n", "p", OnlyB}, {"p", "", OnlyA}, {"", "f", OnlyB},
		{"s", "s", ""}, {"i", "n", ""}, // nothing to compare
	} {
		var sides [2][]Entry
		for i, text := range []string{tt.a, tt.b} {
			sides[i] = []Entry{{}}
			for _, letter := range text {
				v := map[rune]record.Verdict{'p': record.Passed, 'f': record.Failed, 'i': record.Inconclusive, 'n': record.NotRun, 's': record.Skipped}[letter]
				sides[i] = append(sides[i], Entry{Scenarios: []Scenario{{Name: "ping", Verdict: v}}})
			}
		}
		var got Call
		for _, r := range Compare([2]string{}, sides).Rows {
			got += r.Call
		}
		if got != tt.want {
			t.Errorf("%q to %q: %s, want %s", tt.a, tt.b, got, tt.want)
		}
	}
}

// compared are five runs a side, the second's figures so much larger.
func compared(factor float64, change func(side int, e *Entry)) *Comparison {
	var sides [2][]Entry
	for i := range sides {
		for n := range 5 {
			v := 0.01 * math.Pow(factor, float64(i)) * (1 + float64(n)/100)
			e := NewEntry(ended(fmt.Sprint(i+1), n+5*i, v, 0.5), "x")
			if change != nil {
				change(i, &e)
			}
			sides[i] = append(sides[i], e)
		}
	}
	return Compare([2]string{"firmware=1", "firmware=2"}, sides)
}

func printed(t *testing.T, c *Comparison) string {
	t.Helper()
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const heads = `A: firmware=1: 5 runs, from 2026-11-24 12:00
B: firmware=2: 5 runs, from 2026-11-24 17:00
`

func TestAComparisonShowsWhatChangedAndNothingElse(t *testing.T) {
	c := compared(1.5, nil)
	want := heads + `
ping (a.feature)
  figure 1  10.2 ms (10 ms to 10.4 ms)  15.3 ms (15 ms to 15.6 ms)  worse

Verdicts and key figures: 1 worse, 0 better, 2 the same, 0 with fewer than 5 runs a side, 0 only on one side
`
	if diff := cmp.Diff(want, printed(t, c)); diff != "" {
		t.Error(diff)
	}
}

func TestEqualRunsHaveNothingThatChanged(t *testing.T) {
	want := heads + "\nVerdicts and key figures: 0 worse, 0 better, 3 the same, 0 with fewer than 5 runs a side, 0 only on one side\n"
	if diff := cmp.Diff(want, printed(t, compared(1, nil))); diff != "" {
		t.Error(diff)
	}
}

// What was measured when the tester was at a limit is not the router's.
func TestInconclusiveScenariosAreNotCompared(t *testing.T) {
	text := printed(t, compared(1.5, func(side int, e *Entry) {
		if side == 1 && e.Start.Hour() == 17 {
			e.Scenarios[0].Verdict = record.Inconclusive
		}
	}))
	want := heads + `
ping (a.feature)
  figure 1  10.2 ms (10 ms to 10.4 ms)       15.4 ms (15.2 ms to 15.6 ms)  too few
  figure 2  500 ms (500 ms to 500 ms)        500 ms (500 ms to 500 ms)     too few

Verdicts and key figures: 0 worse, 0 better, 1 the same, 2 with fewer than 5 runs a side, 0 only on one side
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "       ", "  "), strings.ReplaceAll(text, "       ", "  ")); diff != "" {
		t.Error(diff)
	}
}

func TestScenariosAndFiguresOfOneSide(t *testing.T) {
	c := compared(1, func(side int, e *Entry) {
		s := &e.Scenarios[0]
		s.Figures[side].Name = "of side " + string("AB"[side])
		e.Scenarios = append(e.Scenarios, Scenario{Name: []string{"old", "new"}[side], File: "a.feature", Verdict: record.Failed})
	})
	got := map[string]Call{}
	for _, r := range c.Rows {
		got[r.Scenario+": "+r.Name] = r.Call
	}
	want := map[string]Call{
		"ping (a.feature): verdict": Same, "ping (a.feature): of side A": OnlyA, "ping (a.feature): figure 2": OnlyA, "ping (a.feature): figure 1": OnlyB,
		"ping (a.feature): of side B": OnlyB, "old (a.feature): verdict": OnlyA, "new (a.feature): verdict": OnlyB,
	}
	if diff := cmp.Diff(want, got); diff != "" || c.Count[Worse] > 0 {
		t.Error(diff)
	}
}

func TestMedians(t *testing.T) {
	for want, v := range map[float64]values{3: {1, 3, 9}, 2: {1, 1, 3, 9}, 5: {5}, math.MaxFloat64: {math.MaxFloat64, math.MaxFloat64}} {
		if got := median(v); got != want {
			t.Errorf("of %v: %v, want %v", v, got, want)
		}
	}
}

func TestThePageNeedsNothingAndIsHarmless(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	c := compared(1.5, func(side int, e *Entry) {
		e.Firmware += evil
		e.Scenarios[0].Name = evil
		e.Scenarios[0].Figures[1].Unit = evil
	})
	c.Sides[0] = evil
	var out strings.Builder
	if err := c.WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, never := range []string{"<script", "http://", "https://", "ZgotmplZ", "NaN"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if dots, others := strings.Count(page, "●"), strings.Count(page, "■"); dots != 1+2*5 || others != dots { // legend, charts
		t.Errorf("%d and %d marks", dots, others)
	}
	for _, want := range []string{`<td class="worse">worse</td>`, "aria-label", "2026-11-24 21:00, firmware 2", "15.6 ms"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
