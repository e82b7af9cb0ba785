package lanstorm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/steps"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// `go test` runs the features in the lab, side by side.
func TestFeatures(t *testing.T) {
	paths, err := filepath.Glob("features/*/*.feature")
	if err != nil || len(paths) == 0 {
		t.Fatal("no features", err)
	}
	paths = append(paths, "docs/from-behave.feature")
	for _, path := range paths {
		t.Run(strings.TrimPrefix(path, "features/"), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			if text, err := os.ReadFile(path); err != nil {
				t.Fatal(err)
			} else if strings.Contains(string(text), "@scale") {
				nstest.Crowd(t, 200)
			}
			c, err := config.Load("")
			if err != nil {
				t.Fatal(err)
			}
			c.Interface = "lab" // the real interfaces are out of sight in here
			code, output := passes(t, c, path)
			switch {
			case strings.Contains(output, "lanstorm: nothing to run: "):
				t.Skip(output)
			case code != steps.ExitPassed:
				t.Errorf("exit code %d", code)
			}
			t.Log(output)
		})
	}
}

// passes runs a feature, and as it says of an inconclusive run, on a machine that
// is busy with something else, runs it again.
func passes(t *testing.T, c config.Config, path string) (code int, output string) {
	for range 3 {
		var all strings.Builder
		s := steps.Suite{Config: c, Paths: []string{path}, Output: &all, Notes: &all, NoColors: true}
		code, output = s.Run(t.Context()), all.String()
		if code != steps.ExitInconclusive {
			break
		}
		t.Log(output)
	}
	return code, output
}

// `godog run` builds a program that calls these two. Its own run could neither
// be strict, nor choose scenarios by router, nor refuse to start, so it ends
// in the first: from there on it is the same run as `lanstorm run`.

func InitializeTestSuite(*godog.TestSuiteContext) { os.Exit(steps.GodogMain(os.Args[1:])) }

func InitializeScenario(sc *godog.ScenarioContext) { steps.Define(sc) }
