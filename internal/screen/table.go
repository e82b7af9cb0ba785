package screen

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lanstorm/lanstorm/internal/record"
)

// mostRows is how many clients a table shows.
const mostRows = 10

// table shows clients: all if they are few; else those that are slowest by the
// last column of times. What all of them have in common stands once, above.
func (s *Screen) table(t record.Table) {
	rows := t.Rows
	note := ""
	if len(rows) > mostRows {
		last := len(t.Columns) - 1
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b []any) int {
			x, _ := a[last].(float64)
			y, _ := b[last].(float64)
			return int(min(1, max(-1, (y-x)*1e9)))
		})
		rows = rows[:mostRows]
		note = fmt.Sprintf("the %d slowest of %d; all are in the report", mostRows, len(t.Rows))
	}
	if len(t.Rows) == 0 {
		return
	}
	var common []string
	var columns [][]string // of texts, the name first
	for i, c := range t.Columns {
		same := len(t.Rows) > 1 || i > 0 && i < len(t.Columns)-1
		for _, row := range t.Rows {
			same = same && row[i] == t.Rows[0][i]
		}
		if same {
			common = append(common, fmt.Sprintf("%s %s", c.Name, cell(t.Rows[0][i], c)))
			continue
		}
		column := []string{c.Name}
		for _, row := range rows {
			column = append(column, cell(row[i], c))
		}
		columns = append(columns, column)
	}
	if len(common) > 0 {
		s.wrapped(8, "all: "+strings.Join(common, ", "))
	}
	for i := range len(rows) + 1 {
		line := strings.Repeat(" ", 8)
		for _, column := range columns {
			width := 0
			for _, text := range column {
				width = max(width, utf8.RuneCountInString(text))
			}
			line += fmt.Sprintf("%-*s  ", width, column[i])
		}
		line = cut(strings.TrimRight(line, " "), s.width)
		if i == 0 {
			line = s.paint(dim, line)
		}
		s.print(line + "\n")
	}
	if note != "" {
		s.wrapped(8, note)
	}
}

// cell is a value of a table as people read it.
func cell(v any, c record.Column) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case float64:
		return c.Unit.Format(v)
	case string:
		return record.Clean(v)
	}
	return fmt.Sprint(v)
}
