// Package report makes files for people and for CI of a run: report.html,
// junit.xml, a summary in Markdown. It reads a record.Run and nothing else, and
// knows no kinds of activities: whatever has figures is shown. The texts of the
// run must be clean, as those of record.Read are; they are escaped here.
package report

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

// functions are those of all templates.
var functions = map[string]any{
	"symbol": record.Verdict.Symbol, "count": count, "counts": counts, "unexplained": unexplained,
	"changed": changed, "keys": keys, "repeat": repeat, "command": command,
	"value": func(v float64, u record.Unit) string { return u.Format(v) }, "took": took, "clock": clock,
}

// count is how many scenarios ended in one of the ways.
func count(run *record.Run, ways ...record.Verdict) (n int) {
	for _, s := range run.Scenarios {
		if slices.Contains(ways, s.Verdict) {
			n++
		}
	}
	return n
}

// counts is how many ended how, such as "3 scenarios: 2 passed, 1 failed".
func counts(run *record.Run) string {
	var parts []string
	for _, v := range record.Verdicts {
		if n := count(run, v); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.TrimSuffix(measure.Times(len(run.Scenarios), "scenario")+": "+strings.Join(parts, ", "), ": ")
}

// unexplained is whether the run ended badly and no scenario did, as when it was
// killed between two.
func unexplained(run *record.Run) bool {
	good := run.End.Verdict == record.Passed || run.End.Verdict == record.Skipped
	return !good && count(run, record.Failed, record.Inconclusive) == 0
}

// changed are the settings that are not defaults.
func changed(settings []record.Setting) []record.Setting {
	return slices.DeleteFunc(slices.Clone(settings), func(s record.Setting) bool { return s.From == "default" })
}

// key is a figure that belongs into a summary, and what it is of.
type key struct {
	Scenario record.Scenario
	Activity string
	record.Figure
}

func keys(run *record.Run) (all []key) {
	for _, s := range run.Scenarios {
		for _, step := range s.Steps {
			for _, a := range step.Activities {
				for _, f := range a.Figures {
					if f.Key {
						all = append(all, key{s, a.Name, f})
					}
				}
			}
		}
	}
	return all
}

// repeat is the command that runs a scenario again as it ran: with the labels,
// and the settings that came from the command line and from variables. Those of
// a file are there again by themselves.
func repeat(run *record.Run, s record.Scenario) string {
	before, behind := []string{"sudo"}, []string{"lanstorm", "run"}
	if c := run.Command; len(c) > 0 && filepath.Base(c[0]) == "lanstorm" {
		behind[0] = c[0] // as it was typed
	}
	for _, setting := range run.Config {
		switch {
		case setting.From != "command line" && !strings.HasPrefix(setting.From, "LANSTORM_"):
		case strings.HasPrefix(setting.Key, "godog."), strings.HasPrefix(setting.Key, "run.") && setting.Key != "run.force": // other scenarios, and how results are shown
		case setting.Key == "interface":
			behind = append(behind, "--interface", setting.Value)
		default:
			before = append(before, "LANSTORM_"+strings.ToUpper(strings.ReplaceAll(setting.Key, ".", "_"))+"="+setting.Value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(run.Labels)) {
		behind = append(behind, "--label", name+"="+run.Labels[name])
	}
	return command(append(append(before, behind...), s.Location))
}

// command is a line for a shell.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		plain := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r)
		}
		if quoted[i] = word; word == "" || strings.TrimLeftFunc(word, plain) != "" {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
