package steps

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/signals"
)

// Of four scenarios one has passed and one is under way. None of the last three
// has passed, whatever the step did that was cut short.
func TestWhatAnInterruptionCutShortHasNotPassed(t *testing.T) {
	nstest.Need(t)
	const feature = `
Feature: f
  Scenario: done
    * the router IP address is configured
  Scenario: under way
    * the run is interrupted
    * the router IP address is configured
  Scenario: not begun
    * the router IP address is configured
  Scenario: nor this one
    * the router IP address is configured
`
	for _, tt := range []struct {
		format, want string
		times        int
	}{
		{"pretty", "4 scenarios (1 passed, 3 failed)\n", 1},
		{"progress", "4 scenarios (1 passed, 3 failed)\n", 1},
		{"junit", `failures="3"`, 2}, // of the feature and of all
		{"junit", "not run: interrupted by SIGTERM", 2},
		{"cucumber", `"status": "failed"`, 3},
		{"cucumber", "not run: interrupted by SIGTERM", 2},
		{"events", `"status":"failed"`, 7}, // of three steps, as many scenarios, and the run
	} {
		t.Run(tt.format+" "+tt.want, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var output, notes strings.Builder
			s := Suite{
				Config: quick(t, map[string]string{"godog.format": tt.format}),
				FS:     fstest.MapFS{"features/f.feature": {Data: []byte(feature)}},
				Output: &output, Notes: &notes, NoColors: true,
				extra: func(sc *godog.ScenarioContext, _ *world) {
					sc.Step("^the run is interrupted$", func() { cancel(signals.Interrupted{Signal: syscall.SIGTERM}) })
				},
			}
			if code := s.Run(ctx); code != 128+int(syscall.SIGTERM) {
				t.Errorf("exit code %d", code)
			}
			if got := strings.Count(output.String(), tt.want); got != tt.times {
				t.Errorf("%d times %q, want %d in:\n%s", got, tt.want, tt.times, output.String())
			}
			if want := "not run: 2 of 4 scenarios: interrupted by SIGTERM\n"; !strings.Contains(notes.String(), want) {
				t.Errorf("want %q in:\n%s", want, notes.String())
			}
		})
	}
}
