package lanstorm

import (
	"os"
	"testing"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/steps"
)

// `go test` runs the features in the lab, each scenario as a subtest.

func TestMain(m *testing.M) { nstest.Main(suite{m}) }

// suite ends, when a signal ended its features, with the exit code that says so.
type suite struct{ *testing.M }

var interrupted int // the exit code of features that a signal ended

func (s suite) Run() int { return max(s.M.Run(), interrupted) }

func TestFeatures(t *testing.T) {
	nstest.Need(t)
	c, err := config.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c.Interface = "lab" // the real interfaces are out of sight in here
	s := steps.Suite{Config: c, T: t}
	code := s.Run(t.Context())
	if code > 128 {
		interrupted = code
	}
	if code != steps.ExitPassed {
		t.Errorf("exit code %d", code)
	}
}

// `godog run` builds a program that calls these two. Its own run could neither
// be strict, nor choose scenarios by router, nor refuse to start, so it ends
// in the first: from there on it is the same run as `lanstorm run`.

func InitializeTestSuite(*godog.TestSuiteContext) { os.Exit(steps.GodogMain(os.Args[1:])) }

func InitializeScenario(sc *godog.ScenarioContext) { steps.Define(sc) }
