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
		sc.Step("the router fails", func() error { return errors.New("ns1 did not reach the router") })
		sc.Step("the request makes no sense", func() error { return refuse("no such thing") })
	}
	const confessed = "Error: tester: at its limit: 7 packets dropped -> mend it, ns1 did not reach the router\n"
	for _, tt := range []struct {
		name      string
		sentences []string
		want      string
	}{
		{"at its limit", []string{"the tester is at its limit", "the router fails"}, confessed},
		{"not at its limit", []string{"the router fails"}, "Error: ns1 did not reach the router\n"},
		{"a request that makes no sense", []string{"the tester is at its limit", "the request makes no sense"}, "Error: no such thing\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := featureSuite(quick(t, nil), "", tt.sentences...)
			s.extra = strained
			if code, output := runSuite(t, s); code == ExitPassed || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %q in:\n%s", code, tt.want, output)
			}
		})
	}
}
