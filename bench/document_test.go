package main

import (
	"bytes"
	"embed"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// The golden files come into the test binary with the templates: whatever becomes
// of the sources after it was built, they belong together.
//
//go:embed testdata
var goldenFiles embed.FS

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := goldenFiles.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", name, diff)
	}
}

func document(t *testing.T, s *Suite) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := documentTemplate.Execute(&text, s); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func TestDocument(t *testing.T) {
	defer func(e string) { evidence = e }(evidence)
	evidence = "### Why not\n\nBecause.\n"
	s := made()
	s.Rates[0].Highest = 20000 // out of reach
	s.Problems = []string{"perfdhcp: it rained"}
	golden(t, "benchmarks.md", document(t, s))
}

func TestADocumentOfNothing(t *testing.T) {
	s := &Suite{Problems: []string{"everything"}}
	if text := document(t, s); !strings.Contains(string(text), "- everything") {
		t.Errorf("%s", text)
	}
}

// Every line of a table has as many cells as the one above it.
func TestTablesOfTheDocumentAreWhole(t *testing.T) {
	text := document(t, made())
	above := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Count(line, "|")
		if strings.HasPrefix(line, "|") && above > 0 && cells != above {
			t.Errorf("%d cells, %d above: %s", cells, above, line)
		}
		above = cells
	}
}
