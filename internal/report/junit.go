package report

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"

	"github.com/lanstorm/lanstorm/internal/record"
)

//go:embed junit.xml.tmpl
var junitText string

// What html/template writes for special characters is XML, too.
var junitTemplate = template.Must(template.New("junit.xml").Funcs(functions).Funcs(template.FuncMap{
	"named":  named,
	"second": func(seconds float64) string { return fmt.Sprintf("%.3f", max(seconds, 0)) },
}).Parse(junitText))

// JUnit writes junit.xml in the format that Jenkins reads. A scenario that was
// not run, left out, or failed as known is skipped; an inconclusive one is an error. A run that
// ended badly though no scenario did has a case of its own, which failed.
func JUnit(w io.Writer, run *record.Run) error {
	if _, err := io.WriteString(w, xml.Header); err != nil { // no HTML, so not in the template
		return err
	}
	return execute(w, junitTemplate, run)
}

// named is the name of a scenario; where an earlier one of its feature has the
// same, as the rows of an outline may, its location is added.
func named(run *record.Run, index int) string {
	s := run.Scenarios[index]
	for _, other := range run.Scenarios[:index] {
		if other.Feature == s.Feature && other.Name == s.Name {
			return s.Name + " (" + s.Location + ")"
		}
	}
	return s.Name
}
