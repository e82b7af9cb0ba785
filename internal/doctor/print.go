package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lanstorm/lanstorm/internal/measure"
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
	fmt.Fprintf(&b, "\n%d ok, %s, %s, %d skipped\n", counts[OK],
		measure.Times(counts[Warning], "warning"), measure.Times(counts[Problem], "problem"), counts[Skipped])
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes checks as a JSON array, whose members have the keys name,
// status, finding and remedy.
func PrintJSON(w io.Writer, checks []Check) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(checks)
}
