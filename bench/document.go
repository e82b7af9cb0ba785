package main

import (
	_ "embed"
	"strings"
	"text/template"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/measure"
)

//go:embed benchmarks.md.tmpl
var documentText string

// evidence is written by hand: why targets are out of reach, if any are.
//
//go:embed evidence.md
var evidence string

var documentTemplate = template.Must(template.New("benchmarks.md").Funcs(template.FuncMap{
	"evidence": func() string { return strings.TrimSpace(evidence) },
	"short":    measure.Short,
	"heads":    func() string { return tableRow(bench.Heads) },
	"cells":    func(row bench.Row) string { return tableRow(row.String()) },
	"cell":     func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	"gb":       func(bytes int64) float64 { return float64(bytes) / (1 << 30) },
}).Parse(documentText))

// tableRow makes cells with tabs between them a line of a table in Markdown.
func tableRow(cells string) string {
	return "| " + strings.NewReplacer("|", `\|`, "\t  ", " | ", "\t", " | ").Replace(cells) + " |"
}
