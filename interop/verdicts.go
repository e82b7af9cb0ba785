package main

import (
	"encoding/json"
	"fmt"
	"strings"
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

// parse understands what godog's formatter "cucumber" writes.
func parse(output []byte) (verdicts, error) {
	var features []struct {
		URI      string
		Elements []struct {
			Name  string
			Steps []step
		}
	}
	if err := json.Unmarshal(output, &features); err != nil {
		return nil, fmt.Errorf("results of the features: %w", err)
	}
	v := verdicts{}
	for _, f := range features {
		for _, e := range f.Elements {
			end, why := judgeSteps(e.Steps)
			v.add(scenario{f.URI, e.Name}, end, why...)
		}
	}
	return v, nil
}

// step is a sentence of a scenario.
type step struct {
	Name   string
	Result struct {
		Status string
		Error  string `json:"error_message"`
	}
}

// judgeSteps looks for the first sentence that did not pass: godog skips the rest.
func judgeSteps(steps []step) (end, []string) {
	for _, s := range steps {
		switch s.Result.Status {
		case "passed":
		case "failed":
			return failed, []string{fmt.Sprintf("%q: %s", s.Name, oneLine(s.Result.Error))}
		default:
			return unclear, []string{fmt.Sprintf("%q is %s", s.Name, s.Result.Status)}
		}
	}
	if len(steps) == 0 {
		return unclear, []string{"it has no sentences"}
	}
	return passed, nil
}

// oneLine joins the lines of an error, of which errors.Join makes one each.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "; ")
}
