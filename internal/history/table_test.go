package history

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/record"
)

func TestWhichRunsAreSelected(t *testing.T) {
	e := Entry{Folder: "2026-11-24_120000", Router: "Box, 2nd", Firmware: "1", Interface: "eth0", Verdict: record.Failed, Labels: map[string]string{"place": "lab 2", "note": "x=y,,", "a.b": ""}}
	for text, want := range map[string]bool{
		"": true, "firmware=1": true, "firmware=1,router=Box, 2nd,interface=eth0,verdict=failed,place=lab 2": true, "run=2026-11-24_120000": true,
		"router=Box, 2nd": true, "note=x=y,,": true, "note=x=y,,,place=lab 2": true, "place=lab 2,note=x=y,,": true, "a.b=": true,
		"firmware=1,router=box": false, "firmware=1.2": false, "firmware=": false, "firmware=1,2": false, "router=Box": false, "place=lab": false, "x=1": false, "firmwear=1": false,
	} {
		if got := e.has(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
		if runs, err := Select([]Entry{e}, text); len(runs) == 1 != want || (err == nil) != want {
			if strings.Contains(text, "=") || text == "" {
				t.Errorf("%q: %v, %v", text, runs, err)
			}
		}
	}
}

// hostile is a run that somebody made up.
func hostile() Entry {
	e := NewEntry(ended("\x1b[2J\u009b1m", 0, -5), "=cmd|x")
	e.Router = "-2+3\nx"
	e.Labels = map[string]string{"=l,\"": "@SUM(1)\u202e"}
	return e
}

func TestCSVHasNoFormulas(t *testing.T) {
	other := NewEntry(ended("1", 1, 7, 8), "b")
	var out strings.Builder
	if err := PrintCSV(&out, []Entry{hostile(), other}); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"run", "router", "firmware", "verdict", "passed", "figure 1 [s]", "figure 2 [s]", "seconds", "start", `label =l,"`},
		{"'=cmd|x", "'-2+3 x", "\uFFFD[2J\uFFFD1m", "passed", "1 of 1", "-5", "", "60", "2026-11-24 12:00:00", "'@SUM(1)\uFFFD"},
		{"b", "Box", "1", "passed", "1 of 1", "7", "8", "60", "2026-11-24 13:00:00", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableFits80Columns(t *testing.T) {
	long := NewEntry(ended("8.02.1-beta+20261124", 1, 0.0123, 4), "2026-11-24_130000.17")
	long.Router, long.Verdict = "FRITZ!Box 7590 AX of the second floor", record.Inconclusive
	for range 1000 {
		long.Scenarios = append(long.Scenarios, Scenario{Verdict: record.Failed})
	}
	plain := NewEntry(ended("", 0), "2026-11-24_120000")
	plain.Router = ""
	var out strings.Builder
	if err := PrintTable(&out, []Entry{plain, hostile(), long}); err != nil {
		t.Fatal(err)
	}
	want := `run                router             firmware           verdict       passed
2026-11-24_120000  eth0                                  passed        1 of 1
=cmd|x             -2+3 x             ` + "\uFFFD[2J\uFFFD1m" + `            passed        1 of 1
2026-11-24_130000  FRITZ!Box 7590 AX  8.02.1-beta+20261  inconclusive  1 of 1001
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableHasKeyFiguresForWhichThereIsRoom(t *testing.T) {
	without := NewEntry(ended("1", 0), "2026-11-24_120000")
	with := NewEntry(ended("2", 1, 0.0123, 4), "2026-11-24_130000")
	with.Scenarios[0].Figures[0].Name = "latency to the router p95"
	with.Scenarios = append(with.Scenarios, Scenario{Verdict: record.Skipped, Figures: []record.Figure{{Name: "figure 2", Value: 5, Unit: record.Seconds, Key: true}}})
	var out strings.Builder
	if err := PrintTable(&out, []Entry{without, with}); err != nil {
		t.Fatal(err)
	}
	want := `run                router  firmware  verdict  passed  latency to the  figure 2
                                                      router p95
2026-11-24_120000  Box     1         passed   1 of 1
2026-11-24_130000  Box     2         passed   1 of 1  12.3 ms         5 s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
