package screen

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/record"
)

func TestWhatALogShows(t *testing.T) {
	var out strings.Builder
	s := New(&out, -1, false)
	s.Scenario(record.Scenario{Feature: "Clients", Name: "Fifty clients come up and every one of them reaches the router", Location: "features/clients/create.feature:12"})
	s.Step(record.Step{
		Text: "Given I create 2 virtual clients using macvlan", Seconds: 0.3, Verdict: record.Passed,
		Activities: []record.Activity{{
			Summary: "2 clients in 290ms, all asking within 2ms, 2 at a time: 612 leases/s, 0 of 4 messages sent again; tester: clean (CPU 63%)",
			Clients: &record.Table{
				Shown:   true,
				Columns: []record.Column{{Name: "name", Text: true}, {Name: "gateway", Text: true}, {Name: "address", Text: true}, {Name: "lease after", Unit: record.Seconds}},
				Rows:    [][]any{{"ns1", "10.77.0.1", "10.77.0.10", 0.0123}, {"ns2", "10.77.0.1", "10.77.0.11", nil}},
			},
		}},
		Messages: []record.Message{{Kind: "remark", Text: "1 of 2 clients: \x1b[31mred\x1b[0m"}},
	})
	s.Step(record.Step{Text: "Then each client should successfully reach the router", Seconds: 2, Verdict: record.Inconclusive, Error: "1 of 2 clients did not reach the router\n      tester: at its limit"})
	s.Step(record.Step{Text: "And all is well", Verdict: record.Skipped})
	want := `
Clients

  Fifty clients come up and every one of
  them reaches the router                   features/clients/create.feature:12
    ✓ Given I create 2 virtual clients using macvlan                    0.30 s
        2 clients in 290ms, all asking within 2ms, 2 at a time: 612 leases/s, 0
        of 4 messages sent again; tester: clean (CPU 63%)
        all: gateway 10.77.0.1
        name  address     lease after
        ns1   10.77.0.10  12.3 ms
        ns2   10.77.0.11  –
        remark: 1 of 2 clients: �[31mred�[0m
    ? Then each client should successfully reach the router             2.00 s
        INCONCLUSIVE: 1 of 2 clients did not reach the router
        tester: at its limit
    – And all is well
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d characters: %q", n, line)
		}
	}
}

func TestTheLivingLineGoes(t *testing.T) {
	var out strings.Builder
	s := New(&out, -1, true)
	s.alive = true
	s.Begin("Given a long step")
	s.Tell(func() string { return "7 of 10" })
	for seen := false; !seen; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		seen = strings.Contains(out.String(), "… Given a long step") && strings.Contains(out.String(), "7 of 10")
		s.mu.Unlock()
	}
	s.Step(record.Step{Text: "Given a long step", Verdict: record.Passed})
	end := out.String()[strings.LastIndex(out.String(), "\r"):]
	if !strings.HasPrefix(end, "\r\x1b[K    \x1b[32m✓ Given a long step") {
		t.Errorf("%q", end)
	}
}

func TestTheSummary(t *testing.T) {
	var out strings.Builder
	run := &record.Run{End: record.End{Seconds: 12.34, Verdict: record.Failed}, Scenarios: []record.Scenario{
		{Name: "one", Verdict: record.Passed, Steps: []record.Step{{Activities: []record.Activity{
			{Figures: []record.Figure{{Name: "leases per second", Value: 600, Unit: record.PerSecond, Key: true}, {Name: "no key", Value: 1}}},
			{Figures: []record.Figure{{Name: "leases per second", Value: 650.5, Unit: record.PerSecond, Key: true}, {Name: "offer p95", Value: 0.0012, Unit: record.Seconds, Key: true}}},
		}}}},
		{Name: "two", Location: "a.feature:7", Verdict: record.Failed, Reason: "lost"},
		{Name: "three", Location: "a.feature:9", Verdict: record.Skipped, Reason: "needs a real router"},
	}}
	New(&out, -1, false).Summary(run, "results/x")
	want := `
  leases per second  600 /s to 650 /s (2 times)
  offer p95          1.2 ms

3 scenarios in 12.3 s: 1 passed, 1 failed, 1 skipped
  ✗ a.feature:7  two
  – a.feature:9  three
      needs a real router
report: results/x/report.html
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheSummaryOfManyRounds(t *testing.T) {
	scenario := func(name string, v record.Verdict) record.Scenario {
		return record.Scenario{Number: 1, Name: name, Location: "a.feature:7", Verdict: v}
	}
	run := &record.Run{Scenarios: []record.Scenario{
		{Name: "left out", Location: "a.feature:9", Verdict: record.Skipped},
		scenario("two", record.Failed), scenario("three", record.Passed), scenario("two", record.Passed), scenario("three", record.Passed), scenario("two", record.Failed),
	}}
	want := []string{"a.feature:9  left out: 1 skipped", "a.feature:7  two: 1 passed, 2 failed", "a.feature:7  three: 2 passed"}
	if diff := cmp.Diff(want, Repeated(run)); diff != "" {
		t.Error(diff)
	}
	if once := Repeated(&record.Run{Scenarios: run.Scenarios[:3]}); once != nil {
		t.Errorf("of one round: %q", once)
	}
}
