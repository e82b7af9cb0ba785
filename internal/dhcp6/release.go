package dhcp6

import (
	"context"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

// mostUnanswered is how many clients release at one time: what a server does not
// read at once must have room in the buffer of its socket. Who waits for a second is not
// counted any more: by then its message is read or lost.
const mostUnanswered = 32

// farewell is a Release that waits.
type farewell struct {
	left int
	done chan struct{}
}

// Release ends clients, and tells the servers of those that were granted a lease.
// It returns when each has its REPLY or is sent as often as may be, or when ctx ends:
// with those clients for which a REPLY is missing.
func (g *Group) Release(ctx context.Context, clients ...*Client) (kept []*Client) {
	f := &farewell{done: make(chan struct{})}
	g.do(func(c *Client) { c.leave(f) }, clients)
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.left > 0 {
		g.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
		}
		g.mu.Lock()
	}
	for _, c := range clients {
		if c.leaving == f {
			c.depart()
		}
		if len(c.owed) > 0 {
			kept = append(kept, c)
		}
	}
	g.admit()
	return kept
}

func (c *Client) leave(f *farewell) {
	if c.leaving != nil {
		return
	}
	if c.state == Requesting && !c.using && c.sends > 0 {
		c.owe(c.offer) // the REPLY may be on its way
	}
	late := c.state == Soliciting && c.sends > 0 && time.Since(c.at.Add(-c.wait)) < lateWait
	c.mode, c.using, c.given = idle, false, 0
	if !late && len(c.owed) == 0 {
		c.stop()
		return
	}
	c.leaving = f
	f.left++
	c.state = Releasing
	if late { // a server may be about to grant something (rapid commit)
		c.plan = plan{tries: 1}
		c.wake(time.Now().Add(lateWait))
		return
	}
	c.queue()
}

// queue has the client release the next of its leases, when its turn comes.
func (c *Client) queue() {
	c.yield()
	c.msg, c.at = nil, time.Time{}
	if c.given == len(c.owed) {
		c.depart()
		return
	}
	c.group.queue = append(c.group.queue, c)
}

// admit lets clients release, as many as may.
func (g *Group) admit() {
	for len(g.queue) > 0 && g.unanswered < mostUnanswered {
		c := g.queue[0]
		g.queue = g.queue[1:]
		g.unanswered++
		c.holding = true
		l := c.owed[c.given]
		c.send(Releasing, c.id.message(dhcpv6.MessageTypeRelease, &l, l.ServerID), lastPlan)
	}
}

// yield gives the client's place to others.
func (c *Client) yield() {
	if c.holding {
		c.holding = false
		c.group.unanswered--
	}
}

func (c *Client) releaseAgain(*answer) {
	if c.sends > 0 {
		c.yield()
	}
	c.again(nil)
}

// released: whatever the server says, it does not hold the lease for the client any more
// (RFC 9915 §18.2.10.2).
func (c *Client) released(a *answer) {
	if c.msg.MessageType == dhcpv6.MessageTypeRelease {
		c.paid(c.owed[c.given])
	} else if l, err := c.judge(a); err == nil {
		c.owe(l)
		_ = c.host.Granted(l)
	}
	c.queue()
}

func (c *Client) releaseInVain(*answer) {
	if c.msg.MessageType == dhcpv6.MessageTypeRelease {
		c.given++
	}
	c.queue()
}

// depart is the end of what the client does.
func (c *Client) depart() {
	c.yield()
	c.stop()
	if f := c.leaving; f != nil {
		c.leaving = nil
		c.group.queue = slices.DeleteFunc(c.group.queue, func(q *Client) bool { return q == c })
		if f.left--; f.left == 0 {
			close(f.done)
		}
	}
}
