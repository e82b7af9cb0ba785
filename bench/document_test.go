package main

import (
	"embed"
	"encoding/xml"
	"errors"
	"flag"
	"io"
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

func TestDocument(t *testing.T) {
	defer func(e string) { evidence = e }(evidence)
	evidence = "### Why not\n\nBecause.\n"
	s := made()
	s.Rates[0].Highest = 20000 // out of reach
	s.Problems = []string{"perfdhcp: it rained"}
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"benchmarks.md", "benchmarks.svg"} {
		got, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, got)
	}
}

func TestADocumentOfNothing(t *testing.T) {
	s := &Suite{Problems: []string{"everything"}}
	var text strings.Builder
	if err := s.document(&text, "x.svg"); err != nil || !strings.Contains(text.String(), "- everything") {
		t.Errorf("%v:\n%s", err, &text)
	}
}

// Every line of a table has as many cells as the one above it.
func TestTablesOfTheDocumentAreWhole(t *testing.T) {
	var text strings.Builder
	if err := made().document(&text, "x.svg"); err != nil {
		t.Fatal(err)
	}
	above := 0
	for line := range strings.Lines(text.String()) {
		cells := strings.Count(line, "|")
		if strings.HasPrefix(line, "|") && above > 0 && cells != above {
			t.Errorf("%d cells, %d above: %s", cells, above, line)
		}
		above = cells
	}
}

func TestThePlotIsXML(t *testing.T) {
	lines := made().lines()
	lines[0].Name = `<&">`
	var svg strings.Builder
	if err := plotTemplate.Execute(&svg, lines); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(svg.String()))
	circles := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, &svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 9 {
		t.Errorf("%d dots, want 9", circles)
	}
}
