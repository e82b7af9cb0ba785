package bench

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

//go:embed benchmarks.md.tmpl
var documentText string

// evidence is written by hand: why targets are out of reach, if any are.
//
//go:embed evidence.md
var evidence string

var documentTemplate = template.Must(template.New("benchmarks.md").Funcs(template.FuncMap{
	"short":   short,
	"ratio":   ratio,
	"percent": func(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) },
	"cell":    func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	"day":     func(t time.Time) string { return t.Format(time.DateOnly) },
	"minutes": func(d time.Duration) string { return fmt.Sprintf("%.1f minutes", d.Minutes()) },
}).Parse(documentText))

// WriteDocument writes the Markdown file, and the plot beside it as .svg.
func (r *Suite) WriteDocument(path string) error {
	image := strings.TrimSuffix(path, ".md") + ".svg"
	text, err := r.document(filepath.Base(image))
	if err != nil {
		return err
	}
	svg, err := plot(r.series())
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, text, 0o644), os.WriteFile(image, svg, 0o644))
}

func (r *Suite) document(image string) ([]byte, error) {
	var heads []string
	for _, f := range figures {
		if f.head != "" {
			heads = append(heads, f.head)
		}
	}
	var b bytes.Buffer
	err := documentTemplate.Execute(&b, map[string]any{
		"Suite":    r,
		"Targets":  r.Targets(),
		"Growth":   growths(r.Rows),
		"Image":    image,
		"Heads":    heads,
		"Evidence": strings.TrimSpace(evidence),
	})
	return b.Bytes(), err
}

// Cells are the figures of a row as tables show them.
func (r Row) Cells() (cells []string) {
	for _, f := range figures {
		if f.head != "" {
			cells = append(cells, r.show(f))
		}
	}
	return cells
}

// Ours is lanstorm's row for as many clients, on the same server.
func (r *Suite) Ours(h Hand) *Row { return r.row("dnsmasq", h.Clients) }
