// Package editor has only tests: editors know our sentences.
package editor

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/steps"
)

const glue = "../../.vscode/lanstorm.js"

func TestTheGlueOfThisProjectIsCurrent(t *testing.T) {
	var want strings.Builder
	if err := steps.WriteGlue(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(glue)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want.String(), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("write it anew: go run ./cmd/lanstorm steps --glue .vscode (-want +got):\n%s", diff)
	}
}

// The service that the official Cucumber extension is made of, over all features of ours
// and the sentences that Behave suites brought along.
func TestEditorsKnowOurSentences(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("needs npm: what editors say of features is not tested")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	// Optional are the parsers for other programs than editors, of 200 MB.
	install := exec.CommandContext(t.Context(), npm, "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund",
		"--cache", filepath.Join(t.TempDir(), "npm")) // not the user's, whose files root would own
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	features, err := filepath.Glob("../../features/*/*.feature")
	if err != nil || len(features) == 0 {
		t.Fatal("no features", err)
	}
	behave, err := os.ReadFile("../../steps/testdata/behave.txt")
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old.feature")
	text := "Feature: old\nScenario: old\n"
	for line := range strings.Lines(string(behave)) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#") {
			text += "* " + line
		}
	}
	if err := os.WriteFile(old, []byte(text+"* I invented 10 sentences\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(dir, "check.mjs"), glue, old, "../../docs/from-behave.feature"}, features...)...)
	check.Stderr = os.Stderr
	out, err := check.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Errors, Suggested, Underlined []string }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Errors) > 0 {
		t.Errorf("errors: %q", got.Errors)
	}
	if len(got.Underlined) != 1 || !strings.HasSuffix(got.Underlined[0], "Undefined step: I invented 10 sentences") {
		t.Errorf("underlined, besides the invented sentence:\n%s", strings.Join(got.Underlined, "\n"))
	}
	for _, want := range []string{"{clients} start(s) streaming a video simultaneously", "all clients attempt to ping Google DNS {ipv4}"} {
		if !slices.Contains(got.Suggested, want) {
			t.Errorf("not suggested: %s", want)
		}
	}
}
