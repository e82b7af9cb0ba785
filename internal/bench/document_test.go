package bench

import (
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

// golden compares got with a file of testdata.
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
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", name, diff)
	}
}

func TestDocument(t *testing.T) {
	defer func(e string) { evidence = e }(evidence)
	evidence = "### Why not\n\nBecause.\n"
	s := made()
	s.Refs[0].Rate = 20000 // out of reach
	s.Problems = []string{"perfdhcp: it rained"}
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := s.WriteDocument(path); err != nil {
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
	text, err := s.document("x.svg")
	if err != nil || !strings.Contains(string(text), "- everything") {
		t.Errorf("%v:\n%s", err, text)
	}
}

func TestThePlotIsXML(t *testing.T) {
	s := made().series()
	s[0].name = `<&">`
	svg, err := plot(s)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	circles := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 9 {
		t.Errorf("%d dots, want 9", circles)
	}
}
