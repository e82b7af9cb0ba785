package main

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
)

//go:embed benchmarks.md.tmpl
var documentText string

// evidence is written by hand: why targets are out of reach, if any are.
//
//go:embed evidence.md
var evidence string

var documentTemplate = template.Must(template.New("benchmarks.md").Funcs(template.FuncMap{
	"short":   short,
	"heads":   func() string { return tableRow(bench.Heads) },
	"cells":   func(row bench.Row) string { return tableRow(row.String()) },
	"cell":    func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	"day":     func(t time.Time) string { return t.Format(time.DateOnly) },
	"minutes": time.Duration.Minutes,
}).Parse(documentText))

// tableRow makes cells with tabs between them a line of a table in Markdown.
func tableRow(cells string) string {
	return "| " + strings.NewReplacer("|", `\|`, "\t  ", " | ", "\t", " | ").Replace(cells) + " |"
}

// write writes the Markdown file, and the plot beside it as .svg.
func (r *Suite) write(path string) error {
	image := strings.TrimSuffix(path, ".md") + ".svg"
	var text, svg bytes.Buffer
	err := errors.Join(r.document(&text, filepath.Base(image)), plotTemplate.Execute(&svg, r.lines()))
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, text.Bytes(), 0o644), os.WriteFile(image, svg.Bytes(), 0o644))
}

func (r *Suite) document(w io.Writer, image string) error {
	return documentTemplate.Execute(w, map[string]any{"Suite": r, "Image": image, "Evidence": strings.TrimSpace(evidence)})
}
