package dhcp6

import (
	"net/netip"
	"sync"
	"time"
)

// Group is all clients that hear by one listener. It has one timer for all of
// them, and a client that waits has no goroutine. Its methods may be called from
// many goroutines, but not from within those of a Host.
type Group struct {
	mu         sync.Mutex
	clients    map[[6]byte]*Client
	alarm      *time.Timer
	next       time.Time // when it rings; zero: not
	queue      []*Client // with something to release
	unanswered int       // clients whose RELEASE was just sent
	closed     bool
}

// NewGroup begins an empty group. The caller closes it.
func NewGroup() *Group {
	g := &Group{clients: map[[6]byte]*Client{}}
	g.alarm = time.AfterFunc(time.Hour, g.ring)
	g.alarm.Stop()
	return g
}

// Close ends all clients, without a word to anybody.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.alarm.Stop()
	for _, c := range g.clients {
		c.depart()
	}
}

// Add makes a client that does nothing until Start.
func (g *Group) Add(id Identity, host Host) *Client {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &Client{group: g, id: id, host: host, state: Init}
	g.clients[[6]byte(id.MAC)] = c
	return c
}

// Start has clients ask for an address (managed), or for options alone. Who does
// that already goes on, who has asked for an address does not go back, and who was
// released stays so.
func (g *Group) Start(managed bool, clients ...*Client) {
	want := stateless
	if managed {
		want = stateful
	}
	g.do(func(c *Client) {
		if c.mode < want && c.leaving == nil && c.state != Stopped {
			c.mode, c.refused = want, nil
			c.anew(nil)
		}
	}, clients)
}

// Conflict is told that the kernel has found another host with the address of the
// client (RFC 4862 §5.4.5).
func (g *Group) Conflict(c *Client) {
	g.do(func(c *Client) {
		if c.using {
			c.handle(onConflict, nil)
		}
	}, []*Client{c})
}

// LinkIsUp is told when the link was down and is up again: all ask whether what
// they have is still good here (RFC 9915 §18.2.3, §18.2.12).
func (g *Group) LinkIsUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.clients {
		c.handle(onLink, nil)
	}
}

// Resume has a client know of a lease that it was granted by another process, so
// that it can release it.
func (g *Group) Resume(c *Client, l Lease) { g.do(func(c *Client) { c.owe(l) }, []*Client{c}) }

// do is for each of the clients, unless all is over.
func (g *Group) do(what func(*Client), clients []*Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range clients {
		if !g.closed {
			what(c)
		}
	}
	g.admit()
}

// Receive takes a DHCP message that came to the client with this MAC address
// from this address, the server's or a relay's.
func (g *Group) Receive(to [6]byte, wire []byte, from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[to]; c != nil && !g.closed {
		c.receive(wire, from)
		g.admit()
	}
}

// ring does what is due.
func (g *Group) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.next = time.Time{}
	now := time.Now()
	for _, c := range g.clients {
		switch {
		case c.at.IsZero():
		case now.Before(c.at):
			g.ringAt(c.at)
		default:
			c.at = time.Time{}
			if c.using && c.lease.ended() {
				c.lose(ErrEnded)
			} else {
				c.handle(onTick, nil)
			}
		}
	}
	g.admit()
}

// ringAt has the timer ring then, if it does not before.
func (g *Group) ringAt(at time.Time) {
	if g.next.IsZero() || at.Before(g.next) {
		g.next = at
		g.alarm.Reset(time.Until(at))
	}
}
