package dhcp4

import (
	"fmt"
	"slices"
)

// Remark is something that a server did wrong, or that should be known of it,
// and that the client survived.
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

// mostRemarks bounds the kinds of them, whatever a server does.
const mostRemarks = 32

// remark notes one, once.
func (c *Client) remark(what, rfc, detail string, args ...any) {
	known := slices.ContainsFunc(c.remarks, func(r Remark) bool { return r.What == what })
	if !known && len(c.remarks) < mostRemarks {
		c.remarks = append(c.remarks, Remark{What: what, RFC: rfc, Detail: fmt.Sprintf(detail, args...)})
	}
}
