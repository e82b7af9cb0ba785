package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// sample records a run of two scenarios, up to and without its end.
func sample(t *testing.T, results string, keep int) *Recorder {
	t.Helper()
	start := time.Date(2026, 11, 24, 14, 0, 0, 0, time.UTC)
	r, err := Begin(results, keep, Head{
		Start: start, Tester: Tester{Lanstorm: "v1", Kernel: "6.12", Processors: 4}, Router: Router{Interface: "lab"},
		Labels: map[string]string{"firmware": `1.2 "beta", <b>`}, Config: []Setting{{"interface", "lab", "default"}}, Command: []string{"lanstorm", "run"},
	})
	if err != nil {
		t.Fatal(err)
	}
	times := measure.NewSmallDistribution()
	times.Record(3 * time.Millisecond)
	half := 0.5
	r.Message(Message{Kind: "note", Text: "no scenario yet"})
	r.BeginScenario(Scenario{Feature: "Clients", Name: "fifty", Location: "a.feature:3", Start: start})
	r.Activity(Activity{
		Name: "create 2 clients", Start: start, Seconds: 1.5, Summary: "2 clients in 1.5s",
		Figures:       []Figure{{Name: "offer p95", Value: 0.003, Unit: Seconds, Key: true}},
		Distributions: []Distribution{{Name: "offer", Plot: "times", Times: times}},
		Charts:        []Chart{{Name: "CPU", Unit: Percent, Start: start, Step: 1, Lines: []Line{{Name: "all", Values: []*float64{&half, nil}}}}},
		Clients:       &Table{Columns: []Column{{Name: "name", Text: true}, {Name: "time", Unit: Seconds}}, Rows: [][]any{{"ns1", 0.5}, {"ns2", nil}}},
		Heat:          &Heat{Name: "loss", Unit: Percent, Start: start, Step: 1, Rows: []HeatRow{{Client: "ns1", Values: []int8{0, 100, -1}}}},
	})
	r.Message(Message{Kind: "remark", Text: "2 of 2 clients: no mask"})
	r.Step(Step{Text: "Given I create 2 virtual clients using macvlan", Start: start, Seconds: 1.5, Verdict: Passed})
	r.Step(Step{Text: "Then all is well", Start: start, Verdict: Failed, Error: "it is not", Problems: []Problem{{Client: "ns1", Text: "no"}}})
	r.EndScenario(Scenario{Feature: "Clients", Name: "fifty", Location: "a.feature:3", Start: start, Seconds: 2, Verdict: Failed, Reason: "it is not"})
	r.LeaveOut(Scenario{Feature: "Clients", Name: "on hardware", Location: "a.feature:9", Verdict: Skipped, Reason: "needs a real router"})
	r.BeginScenario(Scenario{Feature: "Clients", Name: "sixty", Location: "a.feature:6", Start: start})
	r.Lease(Lease{Client: "ns1", Text: "bound"})
	return r
}

func TestARunIsReadAsItWasWritten(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	r := sample(t, results, 50)
	r.Step(Step{Text: "Given nothing", Start: time.Now(), Verdict: Passed})
	r.EndScenario(Scenario{Name: "sixty", Verdict: Passed})
	run, err := r.End(End{Verdict: Failed, ExitCode: 1})
	if err != nil {
		t.Fatal(err)
	}
	validate(t, r.Dir)
	if len(run.Scenarios) != 3 || run.Scenarios[0].Number != 1 || run.Scenarios[1].Verdict != Skipped || run.Scenarios[2].Number != 2 {
		t.Fatalf("%+v", run.Scenarios)
	}
	first := run.Scenarios[0]
	if len(first.Steps) != 2 || len(first.Steps[0].Activities) != 1 || len(first.Steps[0].Messages) != 1 || len(first.Steps[1].Activities) != 0 ||
		first.Steps[0].Activities[0].Distributions[0].Times.P50() != 3*time.Millisecond || len(run.Messages) != 1 || run.End.ExitCode != 1 {
		t.Errorf("%+v", run)
	}
	if latest, err := os.Readlink(filepath.Join(results, "latest")); err != nil || latest != "2026-11-24_140000" {
		t.Errorf("latest leads to %q, %v", latest, err)
	}
	if _, err := os.Stat(filepath.Join(results, "latest", RunFile)); err != nil {
		t.Error(err)
	}
}

func TestARunWithoutAnEnd(t *testing.T) {
	r := sample(t, t.TempDir(), 50)
	path := filepath.Join(r.Dir, EventsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 30} { // bytes, as a kill in the middle of a write leaves them
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o666); err != nil {
			t.Fatal(err)
		}
		run, err := Read(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		last := run.Scenarios[len(run.Scenarios)-1]
		if len(run.Scenarios) != 3 || last.Name != "sixty" || last.Verdict != Failed || last.Reason != "no end was recorded" ||
			run.End.Verdict != Failed || run.End.ExitCode != -1 || !strings.Contains(run.End.Reason, "no end was recorded") {
			t.Errorf("%d bytes cut off: %+v", cut, run)
		}
	}
}

func TestEventsThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no event of a run",
		"{}\n":                                  "line 1: the first event is not that of the run",
		"{\"run\":{\"version\":1}}\nnonsense\n": "line 2 is not an event: invalid character 'o' in literal null (expecting 'u')",
		"{\"run\":{\"version\":99}}\n":          "line 1: written by a newer lanstorm, in version 99 of the format; this one reads 1",
	} {
		if _, err := read(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestOnlyTheNewestRunsAreKept(t *testing.T) {
	results := t.TempDir()
	mine := filepath.Join(results, "2020-01-01_000000") // no run: it has no events
	if err := os.Mkdir(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := Begin(results, 3, Head{Start: time.Date(2026, 1, 1, 0, 0, i/2, 0, time.UTC)}); err != nil { // two in a second
			t.Fatal(err)
		}
	}
	dirs, err := folders(results)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, dir := range dirs {
		names = append(names, filepath.Base(dir))
	}
	if diff := cmp.Diff([]string{"2026-01-01_000001", "2026-01-01_000001.2", "2026-01-01_000002"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error("a folder that is no run's is gone")
	}
}

func TestAnUnwritableRecordIsToldAtTheEnd(t *testing.T) {
	r := sample(t, t.TempDir(), 50)
	r.events.Close()
	r.Message(Message{Text: "lost"})
	run, err := r.End(End{Verdict: Passed})
	if !errors.Is(err, os.ErrClosed) || run == nil || run.End.ExitCode != -1 {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestNoFolderNoRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(file, 50, Head{}); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"run\":{\"version\":1}}\n{\"begin\":{\"name\":\"x\"}}\n{\"step\":{\"text\":\"y\"}}\n{\"done\":{}}\n{\"end\":{}}\n")
	f.Add("{\"run\":{}}\n{\"step\":{}}\n{\"done\":{}}\n{\"begin\":{}}\n{\"begin\":{}}\n{\"message\":{}}")
	f.Fuzz(func(t *testing.T, text string) {
		if run, err := read(strings.NewReader(text)); err == nil && run.End.Verdict == "" && run.End.ExitCode == -1 {
			t.Error("no verdict")
		}
	})
}

// schema is the one that docs/results.md speaks of.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../docs/run.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, RunFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	run, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema(t).Validate(run); err != nil {
		t.Error(err)
	}
}
