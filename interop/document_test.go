package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/record"
)

const (
	file = "f/f.feature"
	tiny = `Feature: f
  Scenario: A client
    Given I create 1 virtual clients using macvlan
    Then each client should receive a valid IP address from the router

  Scenario: No client
    Then all clients should respond successfully

  Scenario Outline: Some clients
    * I create <n> virtual clients using macvlan
    Examples:
      | n |
      | 1 |
      | 0 |

  @lab @builtin
  Scenario: What others cannot do
    Given I create 1 virtual clients using macvlan

  @hardware
  Scenario: A real router
    Given I create 1 virtual clients using macvlan
`
)

var tinyFS = fstest.MapFS{file: {Data: []byte(tiny)}}

const server = "kea"

// told is what a document that takes in the run has of each scenario, and of the rows of
// an outline, which have one name, the worst.
func told(run *record.Run) map[string]verdict {
	d := document{Scenarios: map[scenario]verdicts{}}
	d.add(server, run)
	got := map[string]verdict{}
	for s, by := range d.Scenarios {
		if row, more := got[s.Name]; !more || by[server].End < row.End {
			got[s.Name] = by[server]
		}
	}
	return got
}

func TestTheFeaturesMeetAServer(t *testing.T) {
	nstest.Need(t)
	chosen, err := choose([]string{server})
	if err != nil {
		t.Fatal(err)
	}
	if packages := missing(chosen...); packages != nil {
		t.Skipf("needs apt install %s", strings.Join(packages, " "))
	}
	got, err := chosen[0].meetFeatures(t.Context(), tinyFS, "f")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]verdict{
		"A client": {passed, nil},
		"No client": {failed, []string{`"all clients should respond successfully": nothing was pinged yet: ` +
			`say "all clients attempt to ping Google DNS" or "all clients ping the router in parallel" first`}},
		"Some clients":          {failed, []string{`"I create 0 virtual clients using macvlan": 0 clients: ask for at least 1`}},
		"What others cannot do": {leftOut, []string{"left out: needs the lab's own DHCP server, and this run uses kea (set lab.server to builtin)"}},
		"A real router":         {leftOut, []string{"left out: needs a real router, and this run uses the lab (set interface, or have it run in the lab with --force or run.force)"}},
	}
	if diff := cmp.Diff(want, told(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAServerThatDoesNotStartIsToldInALine(t *testing.T) {
	nstest.Need(t)
	_, err := program{server: lab.Server("bind")}.meetFeatures(t.Context(), tinyFS, "f")
	if err == nil || !strings.Contains(err.Error(), "bind") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want a line about bind", err)
	}
}

func TestResultsBecomeVerdicts(t *testing.T) {
	one := func(v record.Verdict, reason string, steps ...record.Step) record.Scenario {
		return record.Scenario{Name: "s", Location: file + ":3", Verdict: v, Reason: reason, Steps: steps}
	}
	wrong := func(text, err string) record.Step { return record.Step{Text: "Given " + text, Error: err} }
	for _, tt := range []struct {
		name      string
		scenarios []record.Scenario
		want      verdict
	}{
		{"all sentences passed", []record.Scenario{one(record.Passed, "")}, verdict{passed, nil}},
		{"one failed, for two reasons", []record.Scenario{one(record.Failed, "", wrong("a", "one\ntwo"))}, verdict{failed, []string{`"a": one; two`}}},
		{"one is inconclusive", []record.Scenario{one(record.Inconclusive, "", wrong("a", "one"))}, verdict{failed, []string{`"a": one`}}},
		{"it has no sentences", []record.Scenario{one(record.Failed, "it has no steps")}, verdict{failed, []string{"it has no steps"}}},
		{"it was not run", []record.Scenario{one(record.NotRun, "the run ended")}, verdict{unclear, []string{"not run: the run ended"}}},
		{"a row of an outline failed", []record.Scenario{one(record.Failed, "", wrong("a", "one")), one(record.Passed, "")}, verdict{failed, []string{`"a": one`}}},
		{"two rows failed", []record.Scenario{one(record.Failed, "", wrong("a", "one")), one(record.Failed, "", wrong("b", "two"))},
			verdict{failed, []string{`"a": one`, `"b": two`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(map[string]verdict{"s": tt.want}, told(&record.Run{Scenarios: tt.scenarios})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// some has a note that two scenarios share, scenarios in no order, some that were
// left out with both servers, and one of which nothing is known.
func some() *document {
	left := verdict{leftOut, []string{"left out: no"}}
	return &document{Servers: []string{"dnsmasq", "Kea"}, Scenarios: map[scenario]verdicts{
		{file, 20, "D"}:         {"dnsmasq": left},
		{file, 9, "C"}:          {"dnsmasq": left, "Kea": {passed, nil}},
		{file, 8, "A | B"}:      {"dnsmasq": {passed, nil}, "Kea": {failed, []string{`"a": <nil>`, `"b": two`}}},
		{file, 7, "E"}:          {"dnsmasq": left, "Kea": left},
		{"f/e.feature", 9, "F"}: {"dnsmasq": left, "Kea": left},
	}}
}

func text(t *testing.T, d *document) string {
	t.Helper()
	text, err := d.text("")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheDocumentHasARowForEachScenario(t *testing.T) {
	const want = `
| scenario | dnsmasq | Kea |
|---|---|---|
| [A \| B](../features/f/f.feature) | yes | no [1] [2] |
| [C](../features/f/f.feature) | - [3] | yes |
| [D](../features/f/f.feature) | - [3] | ? |

1. Kea, "a": &lt;nil>
2. Kea, "b": two
3. dnsmasq, left out: no

Left out with all of them, because they need a real router or the lab's own DHCP server:

- F
- E
`
	_, got, _ := strings.Cut(text(t, some()), "The note says why.\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAScenarioThatCameToNoEndIsAFault(t *testing.T) {
	want := []string{`Kea, f/f.feature: "D" neither passed nor failed: nothing was told of it`}
	if diff := cmp.Diff(want, some().judge()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
