package history

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"mark": func(firmware int) string { return []string{"●", "■", "▲", "◆", "★"}[firmware%5] },
}).Parse(pageText))

// dot is the value of a run in the chart of a figure.
type dot struct {
	Run      *Entry
	Value    float64
	Firmware int // its number
	X, Y     float64
}

// Most is the highest value on both sides.
func (r *Row) Most() float64 { return slices.Max(slices.Concat(r.values[0], r.values[1])) }

// WriteHTML writes a page with what changed, and with a chart of 700 × 120 for each
// key figure, run by run. It needs no network and no scripts.
func (c *Comparison) WriteHTML(to io.Writer) error {
	var firmwares []string
	for _, r := range c.Rows {
		slices.SortStableFunc(r.Dots, func(a, b dot) int { return a.Run.Start.Compare(b.Run.Start) })
		for i := range r.Dots {
			d := &r.Dots[i]
			if !slices.Contains(firmwares, d.Run.Firmware) {
				firmwares = append(firmwares, d.Run.Firmware)
			}
			d.Firmware, d.X, d.Y = slices.Index(firmwares, d.Run.Firmware), 90+600*float64(i)/float64(len(r.Dots)), 100
			if most := r.Most(); most > 0 {
				d.Y -= 85 * d.Value / most
			}
		}
	}
	return page.Execute(to, map[string]any{"Comparison": c, "Firmwares": firmwares})
}
