package steps

import (
	"errors"
	"strings"
	"testing"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestAFailureSaysThatTheTesterWasAtItsLimit(t *testing.T) {
	nstest.Need(t)
	strained := func(sc *godog.ScenarioContext, w *world) {
		sc.Step("the tester is at its limit", func() {
			w.limits = append(w.limits, health.Limit{Name: health.Softnet, Finding: "7 packets dropped", Remedy: "mend it"})
		})
		sc.Step("the router fails", w.explained(chapter{}, func() error { return errors.New("ns1 did not reach the router") }))
		sc.Step("the router is surely wrong", w.explained(chapter{}, func() error { return firm(errors.New("ns1 has ns2's address")) }))
		sc.Step("the request makes no sense", w.explained(chapter{}, func() error { return refuse("no such thing") }))
	}
	const confessed = "Error: ns1 did not reach the router\n      tester: at its limit: 7 packets dropped -> mend it; this may be the reason: inconclusive\n"
	for _, tt := range []struct {
		name      string
		sentences []string
		code      int
		want      string
	}{
		{"at its limit", []string{"the tester is at its limit", "the router fails"}, ExitInconclusive, confessed},
		{"at a limit that explains nothing", []string{"the tester is at its limit", "the router is surely wrong"}, ExitFailed, "Error: ns1 has ns2's address\n"},
		{"not at its limit", []string{"the router fails"}, ExitFailed, "Error: ns1 did not reach the router\n"},
		{"a request that makes no sense", []string{"the tester is at its limit", "the request makes no sense"}, ExitNotRunnable, "Error: no such thing\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := featureSuite(quick(t, nil), "", tt.sentences...)
			s.extra = strained
			if code, output := runSuite(t, s); code != tt.code || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tt.code, tt.want, output)
			}
		})
	}
}
