package main

import (
	"fmt"
	"strings"

	"github.com/lanstorm/lanstorm/internal/record"
)

// end is how a scenario ended, the worst first.
type end int

const (
	unclear end = iota // neither of the others: that must not be
	failed
	leftOut
	passed
)

func (e end) String() string { return [...]string{"?", "no", "-", "yes"}[e] }

// verdict is what came of a scenario with one server.
type verdict struct {
	End end
	Why []string
}

// verdicts are those of one server.
type verdicts map[scenario]verdict

func (v verdicts) add(s scenario, e end, why ...string) {
	if before, again := v[s]; again {
		e, why = min(e, before.End), append(before.Why, why...)
	}
	v[s] = verdict{e, why}
}

// verdictsOf is what a run's record says.
func verdictsOf(run *record.Run) verdicts {
	v := verdicts{}
	for _, sc := range run.Scenarios {
		file := sc.Location[:strings.LastIndexByte(sc.Location, ':')]
		s := scenario{file, sc.Name}
		switch sc.Verdict {
		case record.Passed:
			v.add(s, passed)
		case record.Failed, record.Inconclusive:
			v.add(s, failed, failedAt(sc))
		case record.Skipped:
			v.add(s, leftOut, "left out: "+sc.Reason)
		default:
			v.add(s, unclear, fmt.Sprintf("%s: %s", sc.Verdict, sc.Reason))
		}
	}
	return v
}

// failedAt is the sentence that did not pass, and why.
func failedAt(sc record.Scenario) string {
	for _, st := range sc.Steps {
		if st.Error != "" {
			_, sentence, _ := strings.Cut(st.Text, " ") // without Given, When or Then
			return fmt.Sprintf("%q: %s", sentence, oneLine(st.Error))
		}
	}
	return sc.Reason
}

// oneLine joins the lines of an error, of which errors.Join makes one each.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; ")
}
