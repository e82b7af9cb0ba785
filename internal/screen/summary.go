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
	counts := run.Counts()
	var parts []string
	for _, v := range record.Verdicts {
		if n := counts[v]; n > 0 {
			parts = append(parts, s.paint(colour(v), fmt.Sprintf("%d %s", n, v)))
		}
	}
	s.print(fmt.Sprintf("%s in %.1f s: %s\n", measure.Times(len(run.Scenarios), "scenario"), run.End.Seconds, strings.Join(parts, ", ")))
	for _, sc := range run.Scenarios {
		if sc.Verdict == record.Passed {
			continue
		}
		s.print(s.paint(colour(sc.Verdict), "  "+sc.Verdict.Symbol()+" "+sc.Location) + "  " + record.Clean(sc.Name) + "\n")
		if sc.Reason != "" && (sc.Verdict == record.Skipped || sc.Verdict == record.NotRun) {
			s.wrapped(6, sc.Reason)
		}
	}
	if run.End.Reason != "" {
		s.wrapped(0, run.End.Reason)
	}
	s.print("report: " + filepath.Join(dir, "report.html") + "\n")
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
