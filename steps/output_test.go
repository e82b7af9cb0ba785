package steps

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cucumber/godog"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// Results that nobody can read are none: a run that passed fails.
func TestOutputThatIsNotWholeFailsTheRun(t *testing.T) {
	nstest.Need(t)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	unread := filepath.Join(dir, "unread")
	if err := unix.Mkfifo(unread, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, tt := range []struct {
		name, format string
		output       *os.File
		code         int
		want         string // the whole of a line; empty: none such
	}{
		{"whole", "progress,junit:" + filepath.Join(dir, "report.xml"), nil, ExitPassed, ""},
		{"a disk that is full", "progress,junit:/dev/full", nil, ExitFailed, "lanstorm: the results are not whole: write /dev/full: no space left on device\n"},
		{"so, for standard output", "progress", full, ExitFailed, "lanstorm: the results are not whole: write /dev/full: no space left on device\n"},
		{"a reader that went away", "progress,junit:" + pipe, nil, ExitFailed, "lanstorm: the results are not whole: write " + pipe + ": broken pipe\n"},
		{"a pipe that nobody reads", "junit:" + unread, nil, ExitNotRunnable, "lanstorm: open " + unread + ": no such device or address\n"},
		{"a folder that is a file", "junit:/proc/version/report.xml", nil, ExitNotRunnable, "lanstorm: open /proc/version/report.xml: not a directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := featureSuite(quick(t, map[string]string{"godog.format": tt.format}), "", `the reader goes away`)
			s.extra = func(sc *godog.ScenarioContext, _ *world) {
				sc.Step("^the reader goes away$", func() {
					if strings.HasSuffix(tt.format, pipe) {
						reader.Close()
					}
				})
			}
			var notes strings.Builder
			s.Output, s.Notes, s.NoColors = &strings.Builder{}, &notes, true
			if tt.output != nil {
				s.Output = tt.output
			}
			code := s.Run(t.Context())
			if code != tt.code || !strings.Contains(notes.String(), tt.want) || tt.want == "" && strings.Contains(notes.String(), "lanstorm:") {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tt.code, tt.want, notes.String())
			}
		})
	}
}

func TestFilesOfFormatsAreWritten(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	dir := t.TempDir()
	for range 2 { // godog knows formatters by name, and for good
		format := "junit:" + dir + "/report.xml,progress:" + dir + "/progress"
		code, output := runFeature(t, quick(t, map[string]string{"godog.format": format}), "", oneClient)
		for file, want := range map[string]string{"report.xml": `tests="1" skipped="0" failures="0"`, "progress": "1 scenarios (1 passed)"} {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if code != ExitPassed || err != nil || !strings.Contains(string(text), want) {
				t.Errorf("exit code %d, %v, want %q in:\n%s\n%s", code, err, want, text, output)
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, "report.xml")); err != nil {
			t.Fatal(err)
		}
	}
}
