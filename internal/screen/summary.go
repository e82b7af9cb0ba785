package screen

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

// Summary shows how a run ended: its key figures, how many scenarios came to
// what, those that did not pass, and where the rest is to be found.
func (s *Screen) Summary(run *record.Run, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLive()
	s.print("\n")
	s.figures(run)
	s.print(fmt.Sprintf("%s in %.1f s: %s\n", measure.Times(len(run.Scenarios), "scenario"), run.End.Seconds, counted(run.Counts(), s.paint)))
	repeated := Repeated(run)
	for _, line := range repeated {
		s.print("  " + line + "\n")
	}
	for _, sc := range run.Scenarios {
		if sc.Verdict == record.Passed || repeated != nil && sc.Number > 0 {
			continue
		}
		s.print(s.paint(colour(sc.Verdict), "  "+sc.Verdict.Symbol()+" "+sc.Location) + "  " + record.Clean(sc.Name) + "\n")
		if sc.Reason != "" && (sc.Verdict == record.Skipped || sc.Verdict == record.NotRun || sc.Verdict == record.Known) {
			s.wrapped(6, sc.Reason)
		}
	}
	if run.End.Reason != "" {
		s.wrapped(0, run.End.Reason)
	}
	s.print("report: " + filepath.Join(dir, "report.html") + "\n")
}

// counted is "2 passed, 1 failed".
func counted(counts map[record.Verdict]int, paint func(colour, text string) string) string {
	var parts []string
	for _, v := range record.Verdicts {
		if n := counts[v]; n > 0 {
			parts = append(parts, paint(colour(v), fmt.Sprintf("%d %s", n, v)))
		}
	}
	return strings.Join(parts, ", ")
}

// Repeated tells, if scenarios ran more than once, how often each came to what.
func Repeated(run *record.Run) (lines []string) {
	again := false
	counts := map[string]map[record.Verdict]int{}
	var all []string
	for _, sc := range run.Scenarios {
		name := sc.Location + "  " + record.Clean(sc.Name)
		if counts[name] == nil {
			counts[name] = map[record.Verdict]int{}
			all = append(all, name)
		} else {
			again = true
		}
		counts[name][sc.Verdict]++
	}
	if !again {
		return nil
	}
	for _, name := range all {
		lines = append(lines, fmt.Sprintf("%s: %s", name, counted(counts[name], func(_, text string) string { return text })))
	}
	return lines
}

// figures shows the key figures, a line each: those of the same name as a range.
func (s *Screen) figures(run *record.Run) {
	type span struct {
		least, most float64
		times       int
		unit        record.Unit
	}
	spans := map[string]*span{}
	var names []string
	width := 0
	for _, f := range run.Figures() {
		if !f.Key {
			continue
		}
		sp := spans[f.Name]
		if sp == nil {
			sp = &span{f.Value, f.Value, 0, f.Unit}
			spans[f.Name] = sp
			names = append(names, f.Name)
			width = max(width, len(f.Name))
		}
		sp.least, sp.most, sp.times = min(sp.least, f.Value), max(sp.most, f.Value), sp.times+1
	}
	for _, name := range names {
		sp := spans[name]
		text := sp.unit.Format(sp.least)
		if sp.times > 1 && sp.least != sp.most {
			text += " to " + sp.unit.Format(sp.most)
		}
		if sp.times > 1 {
			text += fmt.Sprintf(" (%d times)", sp.times)
		}
		s.print(fmt.Sprintf("  %-*s  %s\n", width, name, text))
	}
	if names != nil {
		s.print("\n")
	}
}
