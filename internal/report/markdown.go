package report

import (
	_ "embed"
	"io"
	"strings"
	"text/template"

	"github.com/lanstorm/lanstorm/internal/record"
)

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
