package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/record"
)

var update = flag.Bool("update", false, "write testdata anew")

// killedRun ended between two scenarios, none of which failed.
func killedRun(t testing.TB) *record.Run {
	s := newSampler(t, record.Head{Start: began, Router: record.Router{Interface: "lab"}})
	s.BeginScenario(record.Scenario{Feature: "Clients", Name: "one", Location: "a.feature:3", Start: began})
	s.Step(*s.step("Given nothing", 1, record.Passed))
	s.EndScenario(record.Scenario{Feature: "Clients", Name: "one", Location: "a.feature:3", Start: began, Seconds: 1, Verdict: record.Passed})
	run, err := record.Read(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	run.End.Seconds = 1
	return run
}

func emptyRun(t testing.TB) *record.Run { return newSampler(t, record.Head{}).end(t, record.End{}) }

// hostile is what a router, a label or an edited file may say.
const hostile = "<script>window.hit=1</script><img src=x onerror='window.hit=1'>\x1b[31mred\x1b[0m \x1b]0;title\x07NUL\x00 \xff ]]> </script><!-- \"quotes'` | {{.}} ${x} \u202e`" +
	"\n# heading\n- [link](http://example.com/) @somebody"

// hostileRun is the bad run with that in all its texts.
func hostileRun(t testing.TB) *record.Run {
	run := badRun(t)
	spoil(reflect.ValueOf(run).Elem())
	run.End.Verdict, run.Scenarios[4].Verdict = hostile, hostile
	return readAgain(t, run)
}

// readAgain is a run as it is read once its events have been written.
func readAgain(t testing.TB, run *record.Run) *record.Run {
	s := newSampler(t, run.Head)
	for _, m := range run.Messages {
		s.Message(m)
	}
	for _, sc := range run.Scenarios {
		if sc.Number == 0 {
			s.LeaveOut(sc)
			continue
		}
		begun := sc
		begun.Steps = nil
		s.BeginScenario(begun)
		for _, st := range sc.Steps {
			for _, a := range st.Activities {
				s.Activity(a)
			}
			for _, m := range st.Messages {
				s.Message(m)
			}
			s.Step(st)
		}
		s.EndScenario(sc)
	}
	again, err := s.End(run.End)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[record.Verdict]() {
			v.SetString(hostile)
		}
	case reflect.Interface:
		if _, text := v.Interface().(string); text {
			v.Set(reflect.ValueOf(hostile))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				spoil(field)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{hostile: hostile}))
	}
}

var runs = map[string]func(testing.TB) *record.Run{"good": goodRun, "bad": badRun, "killed": killedRun, "empty": emptyRun, "hostile": hostileRun}

func made(t testing.TB, make func(io.Writer, *record.Run) error, run *record.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := make(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; if it should, run go test -update:\n%s", path, diff)
	}
}

func TestGolden(t *testing.T) {
	for name, run := range runs {
		if name == "hostile" {
			continue // it has a test of its own
		}
		t.Run(name, func(t *testing.T) {
			r := run(t)
			golden(t, name+".xml", made(t, JUnit, r))
			golden(t, name+".md", made(t, Markdown, r))
		})
	}
}

// JUnit's readers are strict, and differ.
func TestJUnitIsValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed: apt-get install libxml2-utils")
	}
	for name, run := range runs {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", "testdata/junit.xsd", "-")
			cmd.Stdin = bytes.NewReader(made(t, JUnit, run(t)))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestJUnitCounts(t *testing.T) {
	for name, want := range map[string][4]int{ // tests, failures, errors, skipped
		"good": {2, 0, 0, 1}, "bad": {5, 1, 1, 2}, "killed": {2, 1, 0, 0}, "empty": {1, 1, 0, 0},
	} {
		var suites struct {
			Suites []struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Skipped  int `xml:"skipped,attr"`
				Cases    []struct {
					Failures []string `xml:"failure"`
					Errors   []string `xml:"error"`
					Skipped  []string `xml:"skipped"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal(made(t, JUnit, runs[name](t)), &suites); err != nil {
			t.Fatal(err)
		}
		var told, found [4]int
		for _, s := range suites.Suites {
			for i, n := range []int{s.Tests, s.Failures, s.Errors, s.Skipped} {
				told[i] += n
			}
			for _, c := range s.Cases {
				for i, n := range []int{1, len(c.Failures), len(c.Errors), len(c.Skipped)} {
					found[i] += n
				}
			}
		}
		if told != want || found != want {
			t.Errorf("%s: %v told, %v found, want %v", name, told, found, want)
		}
	}
}

// What others say is text: it makes no markup, and controls no terminal.
func TestHostileTexts(t *testing.T) {
	run := hostileRun(t)
	for name, make := range map[string]func(io.Writer, *record.Run) error{"html": HTML, "xml": JUnit, "md": Markdown} {
		text := string(made(t, make, run))
		if name == "md" { // a block of code shows everything as it is
			text = regexp.MustCompile("(?m)^    .*$").ReplaceAllString(text, "")
		}
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8", name)
		}
		if at := strings.IndexFunc(text, func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
		}); at >= 0 {
			t.Errorf("%s has a control character in %q", name, text[max(0, at-40):at+10])
		}
		for _, markup := range []string{"<script>window.hit", "<img", `\u001b`, `\u0000`, "]]> <"} {
			if at := strings.Index(text, markup); at >= 0 {
				t.Errorf("%s has %s in %q", name, markup, text[max(0, at-40):at+40])
			}
		}
	}
	var suites struct {
		Cases []struct {
			Class string `xml:"classname,attr"`
			Out   string `xml:"system-out"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(made(t, JUnit, run), &suites); err != nil {
		t.Fatal(err)
	}
	if clean := run.Scenarios[0].Feature; suites.Cases[0].Class != clean || !strings.Contains(suites.Cases[0].Out, clean) {
		t.Errorf("the text is not as it was: %q", suites.Cases[0])
	}
}

func TestALinkLeadsToAFile(t *testing.T) {
	run := badRun(t)
	run.Scenarios[1].Evidence.File = "javascript:window.hit=1"
	if strings.Contains(string(made(t, HTML, run)), `href="javascript`) {
		t.Error("a link runs a script")
	}
}

func TestRepeat(t *testing.T) {
	run := &record.Run{Head: record.Head{
		Config: []record.Setting{
			{Key: "interface", Value: "eth0", From: "command line"}, {Key: "godog.tags", Value: "@smoke", From: "command line"}, {Key: "dhcp.timeout", Value: "90s", From: "godog.yml:7"},
			{Key: "dhcp.vendor_class", Value: "it's mine", From: "LANSTORM_DHCP_VENDOR_CLASS"}, {Key: "ping.count", Value: "0", From: "default"},
			{Key: "run.force", Value: "true", From: "command line"}, {Key: "run.failed", Value: "true", From: "command line"},
		},
		Labels: map[string]string{"rack": "$(reboot)", "b": ""}, Command: []string{"bin/lanstorm", "run", "--failed"},
	}}
	want := `sudo 'LANSTORM_DHCP_VENDOR_CLASS=it'\''s mine' LANSTORM_RUN_FORCE=true bin/lanstorm run --interface eth0 --label b= --label 'rack=$(reboot)' 'my features/a.feature:3'`
	if got := repeat(run, record.Scenario{Location: "my features/a.feature:3"}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestDecades(t *testing.T) {
	for _, c := range []struct{ least, most, first, last float64 }{
		{0.001, 0.001, 0.001, 0.002}, {0.0011, 0.0019, 0.001, 0.002}, {0.003, 0.05, 0.002, 0.1}, {0.0007, 3.4, 0.0001, 10}, {1e-6, 100, 1e-6, 1000},
	} {
		marks := decades(c.least, c.most)
		first, last := marks[0], marks[len(marks)-1]
		if diff := max(first/c.first, c.first/first, last/c.last, c.last/last); diff > 1.001 || len(marks) > 10 {
			t.Errorf("from %v to %v: %v", c.least, c.most, marks)
		}
	}
}

func TestAChartOfSeveralActivitiesIsOne(t *testing.T) {
	var names []string
	for _, p := range over(goodRun(t).Scenarios[0]).Panels {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"clients with a lease", "loss of each client", "RTT", "requests lost", "tester: processors"}, names); diff != "" {
		t.Error(diff)
	}
}

// A day of seconds does not make a report that no mail takes, and its peak stays.
func TestALongSeries(t *testing.T) {
	day := make([]*float64, 86400)
	for i := range day {
		v := 0.001
		if i == 54321 {
			v = 3
		}
		if i < 60000 || i > 70000 {
			day[i] = &v
		}
	}
	p := over(record.Scenario{Steps: []record.Step{{Activities: []record.Activity{{Charts: []record.Chart{{Unit: record.Seconds, Step: 1, Lines: []record.Line{{Values: day}}}}}}}}}).Panels[0]
	part := p.Parts[0]
	if got := part.Lines[0].Values; len(got) != 86400/22+1 || part.Step != 22 || *got[54321/22] != 3 || got[65000/22] != nil || p.Unit != "s" || p.Note != "each point is the highest value of 22 s" {
		t.Errorf("%d values, every %v s, %q, %q", len(got), part.Step, p.Unit, p.Note)
	}
}

// What was edited by hand, or is of another program, is shown as far as it goes.
func TestOddData(t *testing.T) {
	half := 0.5
	run := &record.Run{Scenarios: []record.Scenario{{Number: 1, Steps: []record.Step{{Activities: []record.Activity{{
		Distributions: []record.Distribution{{Name: "none"}},
		Charts:        []record.Chart{{}, {Lines: []record.Line{{}}}, {Step: -1, Lines: []record.Line{{Values: []*float64{&half, nil}}}}},
		Clients:       &record.Table{Columns: []record.Column{{Name: "a"}}, Rows: [][]any{nil, {1.0, 2.0}, {true}}},
		Heat:          &record.Heat{Rows: []record.HeatRow{{}, {Values: []int8{1, -7}}, {Values: []int8{127}}}},
	}, {Heat: &record.Heat{}}}}}}}}
	text := string(made(t, HTML, run))
	if !strings.Contains(text, `"rows":[[],[1],[true]]`) {
		t.Error("the table is not as it should be")
	}
}

// A minute of a thousand clients fits into a mail.
func TestSize(t *testing.T) {
	size := len(made(t, HTML, goodRun(t)))
	t.Logf("a minute of 1000 pinging clients: %d kB", size/1000)
	if size > 3e6 {
		t.Error("more than 3 MB")
	}
}

func BenchmarkHTML(b *testing.B) {
	run := goodRun(b)
	for b.Loop() {
		b.SetBytes(int64(len(made(b, HTML, run))))
	}
}
