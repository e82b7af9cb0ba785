package history

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lanstorm/lanstorm/internal/record"
)

// columns are a heading and a text for each run. Of a key figure that a run has
// several times it is the worst: for people, or raw in the unit that the heading names.
func columns(runs []Entry, raw bool) (all [][]string) {
	at := map[string]int{}
	for i, e := range slices.Backward(runs) { // the figures of the newest run come first
		set := func(head, text string) {
			if _, known := at[head]; !known {
				at[head], all = len(all), append(all, append([]string{record.Clean(head)}, make([]string, len(runs))...))
			}
			all[at[head]][i+1] = strings.TrimSpace(record.Clean(text))
		}
		var figures []record.Figure
		count := map[record.Verdict]int{}
		for _, s := range e.Scenarios {
			count[s.Verdict]++
			figures = worst(figures, s.Figures)
		}
		set("run", e.Folder)
		set("router", cmp.Or(e.Router, e.Interface))
		set("firmware", e.Firmware)
		set("verdict", string(e.Verdict))
		set("passed", fmt.Sprintf("%d of %d", count[record.Passed], len(e.Scenarios)-count[record.Skipped]))
		for _, f := range figures {
			if raw {
				set(fmt.Sprintf("%s [%s]", f.Name, f.Unit), strconv.FormatFloat(f.Value, 'g', -1, 64))
			} else {
				set(f.Name, f.Unit.Format(f.Value))
			}
		}
		set("seconds", strconv.FormatFloat(e.Seconds, 'g', -1, 64))
		for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
			set("label "+name, e.Labels[name])
		}
		set("start", e.Start.Format(time.DateTime))
	}
	return all
}

// PrintTable writes a line for each run, and as many columns as fit into 80 characters.
func PrintTable(to io.Writer, runs []Entry) error {
	lines, room := make([]string, len(runs)+2), 80
	for _, column := range columns(runs, false) {
		head, rest := column[0], ""
		if half := len(head) / 2; half > 6 { // in two lines
			head, rest, _ = strings.Cut(head[half:], " ")
			head = column[0][:half] + head
		}
		width := 0
		column = append([]string{head, rest}, column[1:]...)
		for _, text := range column {
			width = max(width, min(17, utf8.RuneCountInString(text)))
		}
		if width > room {
			continue
		}
		room -= width + 2
		for i, text := range column {
			lines[i] += fmt.Sprintf("%-*.*s  ", width, width, text)
		}
	}
	var out strings.Builder
	for _, line := range lines {
		if line = strings.TrimRight(line, " "); line != "" {
			fmt.Fprintln(&out, line)
		}
	}
	_, err := io.WriteString(to, out.String())
	return err
}

// PrintCSV writes a line for each run, for spreadsheets.
func PrintCSV(to io.Writer, runs []Entry) error {
	lines := make([][]string, len(runs)+1)
	for _, column := range columns(runs, true) {
		for i, cell := range column {
			if _, err := strconv.ParseFloat(cell, 64); err != nil && strings.IndexAny(cell, "=+-@") == 0 {
				cell = "'" + cell // or it would be taken for a formula
			}
			lines[i] = append(lines[i], cell)
		}
	}
	return csv.NewWriter(to).WriteAll(lines)
}
