// Package dhcp6 is a DHCPv6 client (RFC 9915) for one address (IA_NA), or for
// options alone. It is the sister of package dhcp4. It knows nothing of sockets,
// links and router advertisements; a Host does what it decides.
package dhcp6

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// Host is the machine that a client is. Its methods are called one at a time,
// and must neither block nor call the Group.
type Host interface {
	// Send sends a DHCP message from the client's link-local address to ff02::1:2,
	// port 547. The error is unix.ENOBUFS or unix.EAGAIN when a queue of this
	// machine is full.
	Send(msg []byte) error
	// Granted is told of every REPLY that gives an address, before it is used. From
	// then on the lease is to be given back, whether it comes to anything or not. After
	// an error a new lease is not used, and asked for again.
	Granted(Lease) error
	// Bound: the client has the lease, or more of it.
	Bound(Lease)
	// Lost: the client must not use its address any more, for this reason.
	Lost(error)
	// Informed: the client has asked for options alone, and these are they.
	Informed(Config)
}

// Client is one client of a Group. Its fields are guarded by the group's lock.
type Client struct {
	group *Group
	id    Identity
	host  Host

	mode  mode
	state State
	at    time.Time // of the next tick; zero: none

	msg     *dhcpv6.Message // under way; nil: none
	plan    plan            // for sending it again
	sends   int             // how often it was sent
	sent    time.Time       // for the first time
	wait    time.Duration   // for its answer; the next is twice as long
	sendErr error           // of the last try

	best       *Lease // offered
	preference byte   // of the server that offers it
	offer      Lease  // asked for by REQUEST
	lease      Lease  // in use, if using
	using      bool   // the host may use the address

	owed    []Lease   // granted, and not given back
	given   int       // of them, those for which a RELEASE was sent in vain
	leaving *farewell // the Release that waits for it
	holding bool      // it has one of the places of unanswered

	told    Status // but for what is not kept there
	refused error  // why the last answer was of no use
	remarks remark.List
}

// mode is what a client asks for.
type mode int

const (
	idle      mode = iota
	stateless      // options alone
	stateful       // an address, and options
)

// plan is how often a message is sent, and when (RFC 9915 §15).
type plan struct {
	delay time.Duration // at most, before the first time
	first time.Duration // IRT
	most  time.Duration // MRT; 0: any
	tries int           // MRC; 0: any number
	lasts time.Duration // MRD; 0: for ever
}

// The parameters of RFC 9915 §7.6.
var (
	solicitPlan = plan{delay: time.Second, first: time.Second, most: time.Hour}
	requestPlan = plan{first: time.Second, most: 30 * time.Second, tries: 10}
	confirmPlan = plan{delay: time.Second, first: time.Second, most: 4 * time.Second, lasts: 10 * time.Second}
	extendPlan  = plan{first: 10 * time.Second, most: 10 * time.Minute}
	informPlan  = plan{delay: time.Second, first: time.Second, most: time.Hour}
	lastPlan    = plan{first: time.Second, tries: 4} // of RELEASE and DECLINE
)

const (
	fullWait    = 10 * time.Millisecond // for room in a queue of this machine
	declineWait = 10 * time.Second      // after a DECLINE
	lateWait    = time.Second           // of a client that leaves, for a REPLY to its SOLICIT

	defaultRefresh = 24 * time.Hour // IRT_DEFAULT
	leastRefresh   = 10 * time.Minute
)

// next is how long to wait for the answer after having waited for prev in vain. Late
// is for the first SOLICIT, which must not be sent again early (RFC 9915 §18.2.1).
func (p plan) next(prev time.Duration, late bool) time.Duration {
	random := func(d time.Duration) time.Duration { return rand.N(d/5) - d/10 } // RAND
	wait := 2*prev + random(max(prev, 10))
	if prev == 0 {
		if wait = p.first + random(p.first); late {
			wait = p.first + 1 + rand.N(p.first/10)
		}
	}
	if p.most > 0 && wait > p.most {
		wait = p.most + random(p.most)
	}
	return wait
}

// handle does what the table says.
func (c *Client) handle(e event, a *answer) {
	if do := table[c.state][e]; do != nil {
		do(c, a)
	}
}

// send begins to send a message.
func (c *Client) send(s State, m *dhcpv6.Message, p plan) {
	c.state, c.msg, c.plan, c.sends, c.wait, c.sendErr = s, m, p, 0, 0, nil
	if p.delay > 0 {
		c.wake(time.Now().Add(rand.N(p.delay)))
		return
	}
	c.transmit()
}

// again is for a wait that is over.
func (c *Client) again(*answer) {
	p := c.plan
	if c.sends > 0 && (p.tries > 0 && c.sends >= p.tries || p.lasts > 0 && time.Since(c.sent) >= p.lasts) {
		c.handle(onSpent, nil)
		return
	}
	c.transmit()
}

// transmit sends the message under way, or puts it off when a queue of this
// machine is full, which is our own haste and no loss.
func (c *Client) transmit() {
	now := time.Now()
	if c.sends == 0 {
		c.sent = now
	}
	c.msg.UpdateOption(dhcpv6.OptElapsedTime(min(now.Sub(c.sent), mostElapsed)))
	c.sendErr = c.host.Send(c.msg.ToBytes())
	if packets.QueueFull(c.sendErr) {
		c.wake(now.Add(packets.Jitter(fullWait)))
		return
	}
	c.sends++
	c.told.Sent++
	c.wait = c.plan.next(c.wait, c.state == Soliciting && c.sends == 1)
	at := now.Add(c.wait)
	if over := c.sent.Add(c.plan.lasts); c.plan.lasts > 0 && at.After(over) {
		at = over
	}
	c.wake(at)
}

// wake has the client's tick come at the time, or when its lease is over.
func (c *Client) wake(at time.Time) {
	if end := c.lease.End(); c.using && !end.IsZero() && end.Before(at) {
		at = end
	}
	c.at = at
	c.group.ringAt(at)
}

// anew begins to ask for what the client is for.
func (c *Client) anew(*answer) {
	c.told.Answered = time.Time{}
	if c.mode == stateful {
		c.solicit(nil)
	} else {
		c.inform(nil)
	}
}

// lose gives the address up and begins again. There is nothing to give back then: the
// lease is over, or a server has said so.
func (c *Client) lose(reason error) {
	if c.using {
		c.paid(c.lease)
	}
	c.drop(reason)
	c.refused = reason
	c.anew(nil)
}

func (c *Client) drop(reason error) {
	if c.using {
		c.using = false
		c.host.Lost(reason)
	}
}

// owe keeps what is to be given back. A server that grants more than a client can
// have keeps some of it.
func (c *Client) owe(l Lease) {
	const mostOwed = 16
	if i := slices.IndexFunc(c.owed, l.same); i >= 0 {
		c.owed[i] = l
	} else if len(c.owed) < mostOwed {
		c.owed = append(c.owed, l)
	}
}

// paid is when a server knows that the client does not have a lease any more.
func (c *Client) paid(l Lease) { c.owed = slices.DeleteFunc(c.owed, l.same) }

func (c *Client) stop() {
	c.state, c.mode, c.msg, c.using, c.at = Stopped, idle, nil, false, time.Time{}
}

// ErrEnded is why a client lost a lease of which it asked for more in vain.
var ErrEnded = errors.New("the lease has ended: nobody answered the renewal")

var errWithdrawn = errors.New("the server took the address back (a valid lifetime of 0)")
