package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed scenarios.md
var scenariosPreface string

// column is what came of the scenarios with a server.
type column struct {
	Server   string
	Verdicts verdicts
}

// findings is the table of the scenarios, with a numbered note for each "no" and
// each "-" below it.
func findings(a agenda, columns []column) string {
	var b strings.Builder
	b.WriteString("| scenario |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.Server)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	var notes []string
	for _, s := range a.scenarios {
		fmt.Fprintf(&b, "| [%s](../features/%s) |", plain.Replace(s.Name), s.File)
		for _, c := range columns {
			fmt.Fprintf(&b, " %s", c.Verdicts[s].End)
			for _, why := range c.Verdicts[s].Why {
				fmt.Fprintf(&b, " [%d]", number(&notes, c.Server+", "+why))
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	if notes != nil {
		b.WriteString("\n")
	}
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, plain.Replace(note))
	}
	for i, s := range a.builtin {
		if i == 0 {
			b.WriteString("\nLeft out with all of them, because only the lab's own DHCP server can do what they need:\n\n")
		}
		fmt.Fprintf(&b, "- %s\n", plain.Replace(s.Name))
	}
	return b.String()
}

// number is that of the note, which is added if it is new.
func number(notes *[]string, note string) int {
	if i := slices.Index(*notes, note); i >= 0 {
		return i + 1
	}
	*notes = append(*notes, note)
	return len(*notes)
}

// plain keeps Markdown from seeing more in a text than there is.
var plain = strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "`", "\\`", "[", `\[`, "]", `\]`)

// judgeScenarios says in a line each which scenarios came to no end.
func judgeScenarios(a agenda, columns []column) (worse []string) {
	for _, c := range columns {
		for _, s := range a.scenarios {
			if v := c.Verdicts[s]; v.End == unclear {
				worse = append(worse, fmt.Sprintf("%s, %s: %q neither passed nor failed: %s", c.Server, s.File, s.Name, cmp.Or(strings.Join(v.Why, "; "), "nothing was told of it")))
			}
		}
	}
	return worse
}
