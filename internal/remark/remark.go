// Package remark keeps what servers and routers did wrong, or what should be
// known of them, and the client survived.
package remark

import (
	"fmt"
	"slices"
)

// Remark is one of them.
type Remark struct {
	What   string // the same text for the same thing
	RFC    string // which standard wants it otherwise, with the section; empty when none does
	Detail string // how it was the first time; may be empty
}

func (r Remark) String() string {
	text := r.What
	if r.RFC != "" {
		text += " (RFC " + r.RFC + ")"
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}

// List is the remarks about one client, at most Most kinds of them, whatever a
// server does.
type List []Remark

// Most bounds a List.
const Most = 32

// Add notes a remark, once. Detail is a format of package fmt.
func (l *List) Add(what, rfc, detail string, args ...any) {
	known := slices.ContainsFunc(*l, func(r Remark) bool { return r.What == what })
	if !known && len(*l) < Most {
		*l = append(*l, Remark{What: what, RFC: rfc, Detail: fmt.Sprintf(detail, args...)})
	}
}
