package main

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

// outcome is what became of a number of clients.
type outcome struct {
	Bound int           // that got a lease in time
	Last  time.Duration // until the last of these had it
}

// row is what a server made of a number of clients.
type row struct {
	Server, Version string
	Clients         int
	Ours, Control   outcome
	Resent          int    // messages of ours
	Left            string // leases that the server holds when ours are gone
	Remarks         string
}

const head = `| server | version | clients | bound: ours | udhcpc | last after: ours | udhcpc | resent by ours | leases left | remarks |
|---|---|---|---|---|---|---|---|---|---|
`

func (r row) String() string {
	return fmt.Sprintf("| %s | %s | %d | %d | %d | %s | %s | %d | %s | %s |\n", r.Server, r.Version, r.Clients,
		r.Ours.Bound, r.Control.Bound, r.Ours.last(), r.Control.last(), r.Resent, r.Left, r.Remarks)
}

func (o outcome) last() string {
	if o.Last == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f s", o.Last.Seconds())
}

//go:embed interop.md
var preface string

// page is the document with both tables.
func page(rows []row, a agenda, columns []column) string {
	var b strings.Builder
	fmt.Fprintf(&b, preface+head, udhcpc.version())
	for _, r := range rows {
		b.WriteString(r.String())
	}
	if columns != nil {
		b.WriteString(scenariosPreface + findings(a, columns))
	}
	return b.String()
}

// judge says in a line each what must not be.
func judge(rows []row) (worse []string) {
	for _, r := range rows {
		if r.Ours.Bound < r.Control.Bound {
			worse = append(worse, fmt.Sprintf("%s, %d clients: %d of ours got a lease within %s, and %d of udhcpc's",
				r.Server, r.Clients, r.Ours.Bound, deadline, r.Control.Bound))
		}
		if r.Left != "0" && r.Left != unknown {
			worse = append(worse, fmt.Sprintf("%s, %d clients: %s leases are left with the server after cleanup", r.Server, r.Clients, r.Left))
		}
	}
	return worse
}
