package dhcp6

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// Status is what there is to tell of a client.
type Status struct {
	State    State
	Answered time.Time // when the first REPLY of use came
	Heard    bool      // an answer came, of use or not
	Sent     int       // messages, in all its life
	Missing  error     // why it has not got what it asks for; nil when it has
	Remarks  []remark.Remark
}

// Status tells of the client until now.
func (c *Client) Status() Status {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	s := c.told
	s.State, s.Missing, s.Remarks = c.state, c.whyNot(), slices.Clone(c.remarks)
	return s
}

func (c *Client) whyNot() error {
	switch {
	case c.using, c.state == Informed:
		return nil
	case c.mode == idle:
		return errors.New("it does not ask for an address")
	case c.sendErr != nil && c.msg != nil:
		return fmt.Errorf("send %s: %w", c.msg.MessageType, c.sendErr)
	case c.refused != nil && c.state == Soliciting && c.sends > 0:
		return fmt.Errorf("%w (%s sent since)", c.refused, measure.Times(c.sends, c.msg.MessageType.String()))
	case c.refused != nil:
		return c.refused
	case c.msg == nil || c.sends == 0:
		return errors.New("it is about to ask")
	}
	return c.unanswered()
}

// unanswered tells of the message under way.
func (c *Client) unanswered() error {
	what := measure.Times(c.sends, c.msg.MessageType.String())
	if c.state == Requesting {
		what += fmt.Sprintf(" for %s, which %s had offered,", c.offer.Address, c.offer.Server)
	}
	return fmt.Errorf("no answer to %s in %s", what, time.Since(c.sent).Round(100*time.Millisecond))
}
