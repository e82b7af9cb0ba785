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

  Scenario: A juggler
    Given I juggle 1 clients

  @lab @builtin
  Scenario: What others cannot do
    Given I create 1 virtual clients using macvlan

  @hardware
  Scenario: A real router
    Given I create 1 virtual clients using macvlan
`
)

var tinyFS = fstest.MapFS{file: {Data: []byte(tiny)}}

func of(name string) scenario { return scenario{file, name} }

func TestTheFeaturesMeetAServer(t *testing.T) {
	nstest.Need(t)
	chosen, err := choose([]string{"kea"})
	if err != nil {
		t.Fatal(err)
	}
	if packages := missing(chosen); packages != nil {
		t.Skipf("needs apt install %s", strings.Join(packages, " "))
	}
	got, err := chosen[0].meetFeatures(t.Context(), tinyFS, "f")
	if err != nil {
		t.Fatal(err)
	}
	want := verdicts{
		of("A client"): {passed, nil},
		of("No client"): {failed, []string{`"all clients should respond successfully": nothing was pinged yet: ` +
			`say "all clients attempt to ping Google DNS" or "all clients ping the router in parallel" first`}},
		of("Some clients"):          {failed, []string{`"I create 0 virtual clients using macvlan": 0 clients: ask for at least 1`}},
		of("A juggler"):             {failed, []string{`"I juggle 1 clients": there is no such sentence: ` + "`lanstorm steps` lists those there are"}},
		of("What others cannot do"): {leftOut, []string{"left out: needs the lab's own DHCP server, and this run uses kea (set lab.server to builtin)"}},
		of("A real router"):         {leftOut, []string{"left out: needs a real router, and this run uses the lab (set interface)"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
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

func TestWhatTheFeaturesSayOfOthers(t *testing.T) {
	got, err := read(tinyFS, "f")
	if err != nil {
		t.Fatal(err)
	}
	want := agenda{
		scenarios: []scenario{of("A client"), of("No client"), of("Some clients"), of("A juggler")},
		builtin:   []scenario{of("What others cannot do")},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(agenda{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
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
			if diff := cmp.Diff(verdicts{of("s"): tt.want}, verdictsOf(&record.Run{Scenarios: tt.scenarios})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// someFindings has a note that two scenarios share, and a scenario of which
// nothing is known.
func someFindings() (agenda, []column) {
	a := agenda{scenarios: []scenario{of("A | B"), of("C"), of("D")}, builtin: []scenario{of("E"), of("F")}}
	return a, []column{
		{"dnsmasq", verdicts{of("A | B"): {passed, nil}, of("C"): {leftOut, []string{"left out: no"}}, of("D"): {leftOut, []string{"left out: no"}}}},
		{"Kea", verdicts{of("A | B"): {failed, []string{`"a": <nil>`, `"b": two`}}, of("C"): {passed, nil}}},
	}
}

func TestTheDocumentHasARowForEachScenario(t *testing.T) {
	a, columns := someFindings()
	want := `
| scenario | dnsmasq | Kea |
|---|---|---|
| [A \| B](../features/f/f.feature) | yes | no [1] [2] |
| [C](../features/f/f.feature) | - [3] | yes |
| [D](../features/f/f.feature) | - [3] | ? |

1. Kea, "a": &lt;nil>
2. Kea, "b": two
3. dnsmasq, left out: no

Left out with all of them, because only the lab's own DHCP server can do what they need:

- E
- F
`
	_, got, _ := strings.Cut(page(nil, a, columns), strings.TrimRight(scenariosPreface, "\n")+"\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAScenarioThatCameToNoEndIsAFault(t *testing.T) {
	want := []string{`Kea, f/f.feature: "D" neither passed nor failed: nothing was told of it`}
	if diff := cmp.Diff(want, judgeScenarios(someFindings())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
