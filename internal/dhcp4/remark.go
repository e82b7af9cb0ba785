package dhcp4

import (
	"fmt"
	"slices"
	"time"
)

// Remark is something that a server did wrong, or that should be known of it,
// and that the client survived.
type Remark struct {
	What   string // the same text for the same thing
	RFC    string // which standard wants it otherwise, with the section; empty when none does
	Detail string // how it was the first time; may be empty
	Count  int
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

// remark notes one.
func (c *Client) remark(what, rfc, detail string, args ...any) {
	i := slices.IndexFunc(c.remarks, func(r Remark) bool { return r.What == what })
	if i < 0 && len(c.remarks) == mostRemarks {
		return
	}
	if i < 0 {
		i = len(c.remarks)
		c.remarks = append(c.remarks, Remark{What: what, RFC: rfc, Detail: fmt.Sprintf(detail, args...)})
	}
	c.remarks[i].Count++
}

// Event is a moment in the life of a client, or several in a row that are the same.
type Event struct {
	At    time.Time // the last time
	Text  string
	Times int
}

// mostEvents is how many a client remembers, the newest.
const mostEvents = 64

func (c *Client) log(format string, args ...any) {
	now, text := time.Now(), fmt.Sprintf(format, args...)
	if n := len(c.events); n > 0 && c.events[n-1].Text == text {
		c.events[n-1].At = now
		c.events[n-1].Times++
		return
	}
	if len(c.events) == mostEvents {
		c.events = slices.Delete(c.events, 0, 1)
	}
	c.events = append(c.events, Event{now, text, 1})
}
