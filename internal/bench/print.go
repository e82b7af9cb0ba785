package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Failed reports whether anything did not go as it should: a client that
// nobody answered, or something left behind.
func (r Report) Failed() bool {
	for _, row := range r.Rows {
		if len(row.Median.Failures) > 0 {
			return true
		}
	}
	return false
}

// Print writes the rows as a table, then what they grow by, then what failed.
func (r Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := []string{"clients", "server", "mode"}
	for _, f := range figures {
		if f.head != "" {
			head = append(head, f.head)
		}
	}
	fmt.Fprintln(t, strings.Join(head, "\t")+"\t  verdict")
	for _, row := range r.Rows {
		cells := append([]string{fmt.Sprint(row.Clients), row.Server, row.Mode}, row.Cells()...)
		// Without a tab after it the last cell is not aligned.
		fmt.Fprintln(t, strings.Join(cells, "\t")+"\t  "+row.Median.Verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range growths(r.Rows) {
		fmt.Fprintln(w, g)
	}
	for _, row := range r.Rows {
		for _, f := range row.Median.Failures {
			fmt.Fprintf(w, "failed: %d clients, %s: %s\n", row.Clients, row.Server, f)
		}
	}
	return nil
}

// show is the figure of the row, or a dash when nothing was measured, or
// nothing but noise.
func (r Row) show(f figure) string {
	if r.Rounds == 0 || r.Clients < f.least {
		return "-"
	}
	return f.show(f.get(&r.Median))
}

// String is the growth in a line.
func (g Growth) String() string {
	var parts []string
	for _, p := range g.Phases {
		parts = append(parts, fmt.Sprintf("%s %.1f", p.Phase, p.Ratio))
	}
	return fmt.Sprintf("from %d to %d clients (%s), times: %s", g.From, g.To, g.Server, strings.Join(parts, ", "))
}

// PrintJSON writes one object: rows, and growth for each four times as many clients.
func (r Report) PrintJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"rows": append([]Row{}, r.Rows...), "growth": append([]Growth{}, growths(r.Rows)...)})
}
