package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/lanstorm/lanstorm/internal/record"
)

//go:embed interop.md.tmpl
var documentText string

var documentTemplate = template.Must(template.New("interop.md").Funcs(template.FuncMap{"plain": plain.Replace}).Parse(documentText))

// plain escapes what would mean something in Markdown.
var plain = strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "`", "\\`", "[", `\[`, "]", `\]`)

// document is what is written.
type document struct {
	Udhcpc    string // version
	Rows      []row
	Servers   []string // that the features were run against
	Scenarios map[scenario]verdicts
	Notes     []string
	IPv6      []row6
}

// scenario is one of the features. Rows of an outline that have the same name count
// as one. Templates sort these keys by their fields.
type scenario struct {
	File string
	Line int
	Name string
}

// verdicts are what came of a scenario, by the server.
type verdicts map[string]verdict

type verdict struct {
	End end
	Why []string
}

// end is how a scenario ended, the worst first.
type end int

const (
	unclear end = iota // none of the others: that must not happen
	failed
	leftOut
	passed
)

func (e end) String() string { return [...]string{"?", "no", "-", "yes"}[e] }

// add takes the server's verdicts from the record of a run.
func (d *document) add(server string, run *record.Run) {
	d.Servers = append(d.Servers, server)
	for _, sc := range run.Scenarios {
		v := verdict{End: passed}
		switch sc.Verdict {
		case record.Passed:
		case record.Failed, record.Inconclusive:
			v = verdict{failed, []string{failedAt(sc)}}
		case record.Skipped:
			v = verdict{leftOut, []string{"left out: " + sc.Reason}}
		default:
			v = verdict{unclear, []string{fmt.Sprintf("%s: %s", sc.Verdict, sc.Reason)}}
		}
		file, line, _ := strings.Cut(sc.Location, ":")
		n, _ := strconv.Atoi(line)
		s := scenario{file, n, sc.Name}
		if d.Scenarios[s] == nil {
			d.Scenarios[s] = verdicts{}
		}
		if before, again := d.Scenarios[s][server]; again {
			v = verdict{min(v.End, before.End), append(before.Why, v.Why...)}
		}
		d.Scenarios[s][server] = v
	}
}

// failedAt is the sentence that did not pass, and why.
func failedAt(sc record.Scenario) string {
	for _, st := range sc.Steps {
		if st.Error != "" {
			_, sentence, _ := strings.Cut(st.Text, " ") // without Given, When or Then
			return fmt.Sprintf("%q: %s", sentence, strings.ReplaceAll(strings.TrimSpace(st.Error), "\n", "; "))
		}
	}
	return sc.Reason
}

// Tried reports whether the scenario ran against any server.
func (d *document) Tried(v verdicts) bool {
	return slices.ContainsFunc(d.Servers, func(server string) bool { return v[server].End != leftOut })
}

// Number is the note's number in the list. A new note is added.
func (d *document) Number(note string) int {
	if !slices.Contains(d.Notes, note) {
		d.Notes = append(d.Notes, note)
	}
	return slices.Index(d.Notes, note) + 1
}

// text is the document, or a part of it.
func (d *document) text(part string) (string, error) {
	var b strings.Builder
	err := documentTemplate.ExecuteTemplate(&b, cmp.Or(part, "interop.md"), d)
	return b.String(), err
}

// judge says what must not happen, a line each: that ours did worse than the
// control's, that leases are left, that a scenario neither passed nor failed, and what
// went wrong by IPv6.
func (d *document) judge() (worse []string) {
	say := func(format string, args ...any) { worse = append(worse, fmt.Sprintf(format, args...)) }
	for _, r := range d.Rows {
		if r.Ours.Bound < r.Control.Bound {
			say("%s, %d clients: %d of ours got a lease within %s, and %d of udhcpc's", r.Name, r.Clients, r.Ours.Bound, deadline, r.Control.Bound)
		}
		if r.Left > 0 {
			say("%s, %d clients: %d leases are left with the server after cleanup", r.Name, r.Clients, r.Left)
		}
	}
	for s, by := range d.Scenarios {
		for _, server := range d.Servers {
			if v := by[server]; v.End == unclear {
				say("%s, %s: %q neither passed nor failed: %s", server, s.File, s.Name, cmp.Or(strings.Join(v.Why, "; "), "nothing was told of it"))
			}
		}
	}
	for _, r := range d.IPv6 {
		worse = append(worse, r.judge()...)
	}
	slices.Sort(worse)
	return worse
}
