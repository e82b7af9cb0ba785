package dhcp4

import (
	"container/heap"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Group is all clients that hear by one listener. It has one timer for all of
// them, and a client that waits has no goroutine. Its methods may be called
// from many goroutines, but not from within those of a Host.
type Group struct {
	opts Options

	mu      sync.Mutex
	clients map[[6]byte]*Client
	owners  map[netip.Addr]*Client // by the address that they have, or are about to use
	due     timers
	alarm   *time.Timer
	asking  int       // clients between DISCOVER and ACK
	peak    int       // the most of them at one time
	waiting []*Client // for asking to be less than InFlight
	closed  bool
	leaving sync.WaitGroup // clients
}

// Options are those of a group. The zero value is usable.
type Options struct {
	InFlight  int  // how many clients may be between DISCOVER and ACK at one time; 0: any number
	Unchecked bool // an address is used without asking whether another host has it (RFC 5227)
	OnlyAsks  bool // who offers addresses is to be known, and no offer is taken
}

// NewGroup begins an empty group. The caller closes it.
func NewGroup(opts Options) *Group {
	g := &Group{opts: opts, clients: map[[6]byte]*Client{}, owners: map[netip.Addr]*Client{}}
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
		if c.state == Leaving {
			g.leaving.Done()
		}
		c.state = Stopped
	}
	g.due, g.waiting = nil, nil
}

// Add makes a client that does nothing until Start.
func (g *Group) Add(id Identity, host Host) *Client {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &Client{group: g, id: id, host: host, state: Init, place: -1}
	g.clients[[6]byte(id.MAC)] = c
	return c
}

// SetInFlight changes Options.InFlight for clients that are started from now on.
func (g *Group) SetInFlight(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opts.InFlight = n
}

// Peak is how many clients were between DISCOVER and ACK at one time, at most,
// since it was last asked.
func (g *Group) Peak() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	peak := g.peak
	g.peak = g.asking
	return peak
}

// Start has clients ask for an address, all at once or as many as InFlight
// allows. A client that has none within timeout fails. If timeout is 0 nobody
// waits for them: they ask until they have one, and no bound holds them back.
func (g *Group) Start(timeout time.Duration, clients ...*Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, c := range clients {
		c.anew()
		if c.deadline, c.timeout = (time.Time{}), timeout; timeout > 0 {
			c.deadline = now.Add(timeout)
		}
		c.handle(onTick, input{})
	}
}

// count keeps asking up to date when a client changes its state, and lets those
// that wait take the places that became free.
func (g *Group) count(before, after State) {
	switch {
	case after.asking() && !before.asking():
		g.asking++
		g.peak = max(g.peak, g.asking)
	case before.asking() && !after.asking():
		g.asking--
	}
}

func (g *Group) admit() {
	for len(g.waiting) > 0 && g.asking < g.opts.InFlight {
		c := g.waiting[0]
		g.waiting = g.waiting[1:]
		if c.state == Init {
			c.handle(onTick, input{})
		}
	}
}

// Leave ends clients, without a word to anybody. What they had may be given back
// by Identity.Release. A server may be about to grant what they have just asked
// for: it returns when it has, at the latest after lastWait or when patience ends.
func (g *Group) Leave(patience context.Context, clients ...*Client) {
	g.mu.Lock()
	for _, c := range clients {
		if c.state == Requesting || c.state == Rebooting {
			c.become(Leaving)
			c.wake(time.Now().Add(lastWait))
			g.leaving.Add(1)
			continue
		}
		c.stop()
	}
	g.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		g.leaving.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-patience.Done():
	}
}

// depart is the end of a client that leaves.
func (c *Client) depart(input) {
	c.stop()
	c.group.leaving.Done()
}

// grantedLate is an ACK that nobody has a use for.
func (c *Client) grantedLate(in input) {
	if l, ok := c.take(in.answer); ok {
		_ = c.host.Granted(l)
	}
	c.depart(in)
}

// Receive takes a DHCP message that came to the client with this MAC address,
// in a frame from another.
func (g *Group) Receive(to [6]byte, wire []byte, from net.HardwareAddr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[to]; c != nil && !g.closed {
		c.receive(wire, from)
		g.admit()
	}
}

// Damaged notes that a message to a client was dropped for its checksum, as a
// kernel does.
func (g *Group) Damaged(to [6]byte, layer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.clients[to]; c != nil {
		c.remarks.Add("an answer with a wrong "+layer+" checksum, which hosts drop", map[string]string{"IP": "1122 §3.2.1.2", "UDP": "1122 §4.1.3.4"}[layer], "")
	}
}

// Claimed takes the news that a host says, by ARP, that it has an address.
func (g *Group) Claimed(addr netip.Addr, by net.HardwareAddr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(by) != 6 || g.closed {
		return
	}
	// Siblings are compared when they are about to use an address.
	if c := g.owners[addr]; c != nil && g.clients[[6]byte(by)] == nil {
		c.handle(onConflict, input{rival: by.String()})
		g.admit()
	}
}

// ring does what is due.
func (g *Group) ring() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.due) > 0 && !g.closed {
		c := g.due[0]
		if time.Now().Before(c.at) {
			g.alarm.Reset(time.Until(c.at))
			return
		}
		heap.Pop(&g.due)
		if c.pressed() && !time.Now().Before(c.deadline) {
			g.expire()
		} else {
			c.handle(onTick, input{})
		}
		g.admit()
	}
}

// expire fails all clients whose time is over, or as good as over: those that
// began together end together, with what each has to tell.
func (g *Group) expire() {
	soon := time.Now().Add(firstWait)
	for _, c := range g.clients {
		if c.pressed() && c.deadline.Before(soon) {
			c.fail(c.whyNot(c.timeout))
		}
	}
}

// wake has the client's tick come at the time, or earlier when its time is over.
func (c *Client) wake(at time.Time) {
	if c.pressed() && c.deadline.Before(at) {
		at = c.deadline
	}
	c.sleep()
	c.at = at
	heap.Push(&c.group.due, c)
	if c.place == 0 {
		c.group.alarm.Reset(time.Until(at))
	}
}

// sleep takes the client's tick back.
func (c *Client) sleep() {
	if c.place >= 0 {
		heap.Remove(&c.group.due, c.place)
	}
}

// timers are clients in the order of their ticks.
type timers []*Client

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}
func (t *timers) Push(x any) {
	c := x.(*Client)
	c.place = len(*t)
	*t = append(*t, c)
}
func (t *timers) Pop() any {
	old := *t
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	c.place = -1
	return c
}

// receive takes a message to the client, which is an event when it answers what
// is under way. Whatever else comes, and however much of it, costs little.
func (c *Client) receive(wire []byte, from net.HardwareAddr) {
	if c.msg == nil || len(wire) < chaddrAt || binary.BigEndian.Uint32(wire[xidAt:]) != binary.BigEndian.Uint32(c.msg.TransactionID[:]) {
		return
	}
	m, err := parse(wire)
	if err != nil {
		c.useless = err
		c.remarks.Add("an answer that cannot be read", "2131 §2", "%v", err)
		return
	}
	c.hear(&answer{m, from})
}
