package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes checks as a table for people, one line a check with its remedy
// below, and how many there are of each status.
func Print(w io.Writer, checks []Check) error {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.Name))
	}
	var b strings.Builder
	counts := map[Status]int{}
	for _, c := range checks {
		counts[c.Status]++
		fmt.Fprintf(&b, "%-7s  %-*s  %s\n", c.Status, width, c.Name, c.Finding)
		if c.Remedy != "" {
			fmt.Fprintf(&b, "%7s  %*s  -> %s\n", "", width, "", c.Remedy)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", summary(counts))
	_, err := io.WriteString(w, b.String())
	return err
}

func summary(counts map[Status]int) string {
	parts := []string{fmt.Sprintf("%d ok", counts[OK])}
	for _, s := range []Status{Warning, Problem} {
		if n := counts[s]; n == 1 {
			parts = append(parts, fmt.Sprintf("1 %s", s))
		} else {
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d skipped", counts[Skipped])), ", ")
}

// PrintJSON writes checks as a JSON array, whose members have the keys name,
// status, finding and remedy.
func PrintJSON(w io.Writer, checks []Check) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(checks)
}
