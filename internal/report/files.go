package report

import (
	_ "embed"
	"errors"
	"io"
	"os"
	"strings"
	"text/template"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Write writes all that people and CI servers read into the folder of a run, and
// adds the summary to the file that GITHUB_STEP_SUMMARY names, if it names one.
func Write(dir string, run *record.Run) error {
	file := func(name string, make func(io.Writer, *record.Run) error) error {
		return record.WriteStream(dir, name, func(w io.Writer) error { return make(w, run) })
	}
	return errors.Join(file("report.html", HTML), file("junit.xml", JUnit), toGitHub(run))
}

func toGitHub(run *record.Run) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(Markdown(f, run), f.Close())
}

//go:embed summary.md.tmpl
var summaryText string

var summaryTemplate = template.Must(template.New("summary.md").Funcs(functions).Funcs(template.FuncMap{"md": plainMarkdown, "code": code}).Parse(summaryText))

// Markdown writes a short summary of the run, as for $GITHUB_STEP_SUMMARY: the
// verdict, the scenarios, why they failed, the key figures.
func Markdown(w io.Writer, run *record.Run) error { return summaryTemplate.Execute(w, run) }

// plainMarkdown makes a text stand in a line or a cell of a table as it is.
var plainMarkdown = strings.NewReplacer("\n", " ", "&", "&amp;", "<", "&lt;", ">", "&gt;", `\`, `\\`, "|", `\|`,
	"`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "!", `\!`, "$", `\$`).Replace

// code makes a text lines of a block of code.
func code(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }
