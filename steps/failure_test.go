package steps

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestAFindingIsShort(t *testing.T) {
	short := "2 of 2 clients did not reach the router: ns1, ns2: no answer"
	if got := brieflyTold(errors.New(short)); got != short {
		t.Errorf("%q", got)
	}
	var parts []string
	for i := range 40 {
		parts = append(parts, fmt.Sprintf("ns%d: the reason of client number %d", i+1, i+1))
	}
	got := brieflyTold(errors.New(strings.Join(parts, "; ")))
	if n := len([]rune(got)); n > mostText+100 || !strings.Contains(got, " … (in full: the report)") || !strings.HasPrefix(got, "ns1: ") {
		t.Errorf("%d characters: %s", n, got)
	}
}

func TestWhatTheTesterHasToDoWithIt(t *testing.T) {
	began := time.Now()
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	limit := health.Limit{Finding: "CPU 98% busy for 2s"}
	lost := errors.New("12 of 12 clients did not reach the router")
	all := func(texts ...string) error {
		e := &clientsError{text: "clients"}
		for _, text := range texts {
			e.problems = append(e.problems, netmgr.Problem{Client: "ns1", Err: errors.New(text)})
		}
		return e
	}
	for _, tt := range []struct {
		name         string
		outages      []netmgr.Outage
		limits       []health.Limit
		finding      error
		want         string
		inconclusive bool
	}{
		{"nothing", nil, nil, lost, "12 of 12 clients did not reach the router", false},
		{
			"a limit", nil, []health.Limit{limit}, lost,
			"12 of 12 clients did not reach the router\n      tester: at its limit: CPU 98% busy for 2s; this may be the reason: inconclusive", true,
		},
		{"a limit that explains nothing", nil, []health.Limit{limit}, firm(lost), "12 of 12 clients did not reach the router", false},
		{
			"a carrier that was lost for a while", []netmgr.Outage{{From: at(12.3), To: at(14.4)}}, nil, lost,
			"lan0 lost its carrier at 12.3 s, for 2.1 s (the router's port or the cable); 12 of 12 clients did not reach the router", false,
		},
		{
			"a carrier that did not come back", []netmgr.Outage{{From: at(1)}}, nil, lost,
			"lan0 lost its carrier at 1.0 s, and has none yet (the router's port or the cable); 12 of 12 clients did not reach the router", false,
		},
		{
			"an interface that vanished", []netmgr.Outage{{From: at(1), Gone: true}}, nil, firm(lost),
			"the interface lan0 vanished at 1.0 s; 12 of 12 clients did not reach the router\n      tester: without its interface nothing can be said of the router: inconclusive", true,
		},
		{"clients of which all were kept by the tester", nil, nil, all("tester: no descriptors", "tester: no descriptors"),
			"clients\n      tester: nothing of this says anything about the router: inconclusive", true},
		{"clients of which one was", nil, nil, all("tester: no descriptors", "no answer"), "clients", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{suite: &Suite{parent: "lan0"}, began: began, outages: tt.outages, limits: tt.limits}
			err := w.explain(tt.finding)
			var f *failure
			if !errors.As(err, &f) || f.inconclusive != tt.inconclusive || err.Error() != tt.want {
				t.Errorf("inconclusive: %t\n%v\nwant\n%s", f.inconclusive, err, tt.want)
			}
		})
	}
}

// What was said in short is in the record in full, also of clients that could
// not be made.
func TestTheRecordHasAllThatFailed(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	for _, sentences := range [][]string{
		{`the lab router does not answer DHCP`, `I create 7 virtual clients using macvlan`},
		{`the lab router names no gateway`, `I create 7 virtual clients using macvlan`, valid},
	} {
		s := featureSuite(quick(t, nil), "", sentences...)
		runSuite(t, s)
		run, err := record.Read(s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		steps := run.Scenarios[0].Steps
		last := steps[len(steps)-1]
		if len(last.Problems) != 7 || last.Problems[6].Client != "ns7" || last.Problems[6].Text == "" || last.Verdict != record.Failed && last.Verdict != record.Inconclusive {
			t.Errorf("%+v", last)
		}
	}
}

// Whatever order godog runs scenarios in, each is in the record once.
func TestTheRecordHasEveryScenarioOnce(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	for seed := range int64(4) {
		s := &Suite{
			Config: quick(t, map[string]string{"run.stop_on_failure": "true"}), Randomize: seed + 1,
			FS: fstest.MapFS{"f/f.feature": {Data: []byte("Feature: f\n  Scenario Outline: s\n    Then all clients should respond successfully\n" +
				"    Examples:\n      | n |\n      | 1 |\n      | 2 |\n  Scenario: a\n    Then all clients should respond successfully\n  Scenario: b\n    Then all clients should respond successfully\n")}},
			Paths: []string{"f"},
		}
		runSuite(t, s)
		run, err := record.Read(s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		times, verdicts := map[string]int{}, map[record.Verdict]int{}
		for _, sc := range run.Scenarios {
			times[sc.Name]++
			verdicts[sc.Verdict]++
		}
		if diff := cmp.Diff(map[string]int{"s": 2, "a": 1, "b": 1}, times); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[record.Verdict]int{record.Failed: 1, record.NotRun: 3}, verdicts); diff != "" {
			t.Error(diff)
		}
	}
}
