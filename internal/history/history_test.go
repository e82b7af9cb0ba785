package history

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/record"
)

// appendEnv makes this test binary a run that ends many times.
const appendEnv = "HISTORY_TEST_APPEND"

func TestMain(m *testing.M) {
	if results := os.Getenv(appendEnv); results != "" {
		for i := range 50 {
			if err := Append(results, ended(os.Args[1], i, 1), "folder"); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// ended is the nth run, with some figures of one scenario.
func ended(firmware string, nth int, values ...float64) *record.Run {
	run := &record.Run{
		Head: record.Head{Start: noon.Add(time.Duration(nth) * time.Hour), Router: record.Router{Name: "Box", Firmware: firmware, Interface: "eth0"}},
		End:  record.End{Verdict: record.Passed, Seconds: 60},
	}
	var all []record.Figure
	for i, v := range values {
		all = append(all, record.Figure{Name: fmt.Sprintf("figure %d", i+1), Value: v, Unit: record.Seconds, Key: true})
	}
	run.Scenarios = []record.Scenario{{Name: "ping", Location: "a.feature:3", Verdict: record.Passed, Steps: []record.Step{
		{Activities: []record.Activity{{Name: "ping all", Figures: all}}},
	}}}
	return run
}

func mustRead(t *testing.T, results string) ([]Entry, string) {
	t.Helper()
	runs, damage, err := Read(results)
	if err != nil {
		t.Fatal(err)
	}
	return runs, damage
}

func mustAppend(t testing.TB, results string, run *record.Run) {
	t.Helper()
	if err := Append(results, run, filepath.Join(results, run.Start.Format("2006-01-02_150405"))); err != nil {
		t.Fatal(err)
	}
}

func TestAnEntryHasTheKeyFigures(t *testing.T) {
	run := ended("", 0, 0.5, math.NaN(), math.Inf(-1))
	run.Labels = map[string]string{"firmware": `1.2 "beta", <b>`, "scenarios": "all"}
	steps := &run.Scenarios[0].Steps
	*steps = append(*steps, record.Step{Activities: []record.Activity{
		{Name: "ping all", Figures: []record.Figure{{Name: "figure 1", Value: 0.7, Unit: record.Seconds, Key: true}, {Name: "tester: CPU", Value: 1}}},
		{Name: "nothing"},
	}})
	run.Scenarios = append(run.Scenarios,
		record.Scenario{Name: "row", Location: "a.feature:9", Verdict: record.Failed},
		record.Scenario{Name: "row", Location: "a.feature:12", Verdict: record.Skipped},
		record.Scenario{Name: "row", Location: "b.feature:12", Verdict: record.Failed})
	results := t.TempDir()
	mustAppend(t, results, run)
	runs, damage := mustRead(t, results)
	want := []Entry{{
		Version: 1, Start: noon, Folder: "2026-11-24_120000", Router: "Box", Firmware: `1.2 "beta", <b>`, Interface: "eth0",
		Labels: run.Labels, Verdict: record.Passed, Seconds: 60,
		Scenarios: []Scenario{
			{Name: "ping", File: "a.feature", Verdict: record.Passed, Figures: []record.Figure{{Name: "figure 1", Value: 0.7, Unit: record.Seconds, Key: true}}}, // the worst
			{Name: "row", File: "a.feature", Verdict: record.Failed},
			{Name: "row (2)", File: "a.feature", Verdict: record.Skipped},
			{Name: "row", File: "b.feature", Verdict: record.Failed},
		},
	}}
	if diff := cmp.Diff(want, runs); diff != "" || damage != "" {
		t.Error(diff, damage)
	}
}

func TestOfAKeyFigureTheWorstIsKept(t *testing.T) {
	for _, tt := range []struct {
		unit record.Unit
		want float64
	}{{record.Seconds, 3}, {record.PerSecond, 1}, {record.BitRate, 1}, {record.Percent, 3}, {record.Count, 3}} {
		var all []record.Figure
		for _, v := range []float64{2, 3, 1} {
			all = worst(all, []record.Figure{{Name: "x", Unit: tt.unit, Value: v, Key: true}, {Name: "no key", Unit: tt.unit, Value: v}})
		}
		if len(all) != 1 || all[0].Value != tt.want {
			t.Errorf("%q: %+v", tt.unit, all)
		}
	}
}

// Processes and goroutines at one time.
func TestManyRunsEndAtOneTime(t *testing.T) {
	results := t.TempDir()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			cmd := exec.Command("/proc/self/exe", fmt.Sprint("process ", i))
			cmd.Env = append(os.Environ(), appendEnv+"="+results)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		wg.Go(func() {
			for n := range 50 {
				mustAppend(t, results, ended(fmt.Sprint("goroutine ", i), n, 1))
			}
		})
	}
	wg.Wait()
	runs, damage := mustRead(t, results)
	if damage != "" {
		t.Error(damage)
	}
	seen := map[string]int{}
	for _, e := range runs {
		seen[e.Firmware]++
	}
	if len(runs) != 400 || len(seen) != 8 || seen["process 3"] != 50 {
		t.Errorf("%d runs: %v", len(runs), seen)
	}
}

func TestDamagedLinesAreLeftOutAndTold(t *testing.T) {
	results := t.TempDir()
	path := filepath.Join(results, File)
	add := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, results, ended("1", 1, 1))
	add("{\"version\":2,\"start\":\"2026-11-24T12:00:00Z\"}\n" + "rubbish }\n" + "{}\n" + "\n")
	add(strings.Repeat("x", 5<<20) + "}\n")
	add(`{"version":1,"start":"2026-11-24T12:00:00Z","firmw`)
	mustAppend(t, results, ended("2", 0, 2))
	add(`{"version":1`)
	runs, damage := mustRead(t, results)
	if len(runs) != 2 || runs[0].Firmware != "2" || runs[1].Firmware != "1" {
		t.Errorf("%+v", runs)
	}
	want := path + ": 7 lines are left out, damaged or of a newer lanstorm; the last of them is line 9"
	if damage != want {
		t.Errorf("%s\nwant %s", damage, want)
	}
}

func TestAHistoryThatCannotBe(t *testing.T) {
	results := t.TempDir()
	path := filepath.Join(results, File)
	if runs, damage := mustRead(t, results); runs != nil || damage != "" {
		t.Error(runs, damage)
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(results); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Error(err)
	}
	for _, dir := range []string{results, filepath.Join(results, "gone")} {
		if err := Append(dir, ended("1", 0), "x"); err == nil || !strings.Contains(err.Error(), dir) {
			t.Error(err)
		}
	}
}

// A disk that is full gets no half a line.
func TestAFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	f.Close()
	results := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(results, File)); err != nil {
		t.Fatal(err)
	}
	if err := Append(results, ended("1", 0), "x"); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"version\":1,\"start\":\"2026-11-24T12:00:00Z\",\"labels\":{\"a\":\"b\"},\"scenarios\":[{\"verdict\":\"passed\",\"figures\":[{\"value\":1e308,\"key\":true}]}]}\n\x00\n")
	f.Add("{\"version\":1,\"start\":\"2026-11-24T12:00:00Z\",\"scenarios\":[{\"verdict\":\"failed\",\"figures\":[{\"name\":\"\\u001b[2J\",\"value\":-0,\"key\":true}]}]}\n")
	results := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(results, File), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		runs, _ := mustRead(t, results)
		if len(runs) > strings.Count(text, "\n")+1 {
			t.Fatalf("%d runs", len(runs))
		}
		if len(runs) == 0 {
			return
		}
		var out strings.Builder
		half := len(runs) / 2
		c := Compare([2]string{text, "b"}, [2][]Entry{runs[:max(half, 1)], runs[half:]})
		for _, print := range []func(io.Writer) error{
			func(w io.Writer) error { return PrintTable(w, runs) }, func(w io.Writer) error { return PrintCSV(w, runs) }, c.Print, c.WriteHTML,
		} {
			if err := print(&out); err != nil {
				t.Fatal(err)
			}
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) }); i >= 0 {
			t.Errorf("a control character: %q", out.String()[i:])
		}
	})
}

// runsOfAll are runs of 47 scenarios with 20 figures each.
func runsOfAll(b *testing.B, n int) (results string) {
	results = b.TempDir()
	for i := range n {
		run := ended("8.02", i)
		run.Scenarios = nil
		for s := range 47 {
			var all []record.Figure
			for f := range 20 {
				all = append(all, record.Figure{Name: fmt.Sprintf("latency to the router p%d", f), Value: float64(i*s*f+1) / 7e4, Unit: record.Seconds, Key: f < 4})
			}
			run.Scenarios = append(run.Scenarios, record.Scenario{
				Name: fmt.Sprintf("A scenario of the usual length, number %d", s), Location: fmt.Sprintf("features/clients/create.feature:%d", s), Verdict: record.Passed,
				Steps: []record.Step{{Activities: []record.Activity{{Name: "latency to the router", Figures: all}}}},
			})
		}
		mustAppend(b, results, run)
	}
	return results
}

func BenchmarkAppend(b *testing.B) {
	results := runsOfAll(b, 1)
	run := ended("1", 0, 1, 2, 3)
	for b.Loop() {
		mustAppend(b, results, run)
	}
}

func BenchmarkTableOf1000Runs(b *testing.B) {
	results := runsOfAll(b, 1000)
	info, err := os.Stat(filepath.Join(results, File))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		runs, _, err := Read(results)
		if err == nil && len(runs) == 1000 {
			err = PrintTable(io.Discard, runs)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(info.Size())/1000, "B/run")
}
