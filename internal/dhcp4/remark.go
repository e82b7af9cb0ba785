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
	Detail string // how it was the first time; may be empty
	Count  int
}

// mostRemarks bounds the kinds of them, whatever a server does.
const mostRemarks = 32

// remark notes one.
func (c *Client) remark(what, detail string, args ...any) {
	i := slices.IndexFunc(c.remarks, func(r Remark) bool { return r.What == what })
	if i < 0 && len(c.remarks) == mostRemarks {
		return
	}
	if i < 0 {
		i = len(c.remarks)
		c.remarks = append(c.remarks, Remark{What: what, Detail: fmt.Sprintf(detail, args...)})
	}
	c.remarks[i].Count++
}

// Event is a moment in the life of a client.
type Event struct {
	At   time.Time
	Text string
}

// mostEvents is how many a client remembers, the newest.
const mostEvents = 64

func (c *Client) log(text string, args ...any) {
	if len(c.events) == mostEvents {
		c.events = slices.Delete(c.events, 0, 1)
	}
	c.events = append(c.events, Event{time.Now(), fmt.Sprintf(text, args...)})
}
