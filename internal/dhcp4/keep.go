package dhcp4

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// renewAt waits for T1, if the lease ends at all. Leases that were given
// together shall not be renewed together (RFC 2131 §4.4.5: some random "fuzz").
func (c *Client) renewAt() {
	c.sleep()
	if end := c.lease.End(); !end.IsZero() {
		c.wake(c.lease.Acquired.Add(c.lease.Renew - rand.N(c.lease.Renew/20+1)))
	}
}

// renew asks the server that gave the lease for more of it.
func (c *Client) renew(input) {
	c.began, c.hasty = time.Now(), false
	c.extendBy(Renewing)
}

// Extend has clients ask for more of their leases now, whenever T1 and T2 are:
// their servers, or by broadcast any server. As nobody shall wait for a minute
// because a message was lost, it is soon sent again. Clients without a lease do
// nothing.
func (g *Group) Extend(broadcast bool, clients ...*Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range clients {
		if !c.state.holds() {
			continue
		}
		c.began, c.hasty = time.Now(), true
		if broadcast {
			c.extendBy(Rebinding)
		} else {
			c.extendBy(Renewing)
		}
	}
}

func (c *Client) extendBy(s State) {
	c.become(s)
	c.send(c.renewal())
	c.extending()
}

// extending waits for the answer.
func (c *Client) extending() {
	if c.state == Renewing {
		c.waitHalf(c.lease.Acquired.Add(c.lease.Rebind))
	} else {
		c.waitHalf(c.lease.End())
	}
}

// renewal is the REQUEST of RENEWING and REBINDING (RFC 2131 §4.3.6).
func (c *Client) renewal() *dhcpv4.DHCPv4 {
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.ClientIPAddr = c.lease.Address.Addr().AsSlice()
	return m
}

// waitHalf waits for half of the time that is left until end, but at least a
// minute, and at most until end (RFC 2131 §4.4.5).
func (c *Client) waitHalf(end time.Time) {
	if c.unsent || !c.state.holds() {
		return
	}
	next := time.Now().Add(max(renewWait, time.Until(end)/2))
	if c.hasty && c.sends < requestTries {
		next = time.Now().Add(backoff(requestWait, c.sends))
	}
	c.wakeBy(next, end)
}

// wakeBy is wake, but at end when that is earlier; a zero end never comes.
func (c *Client) wakeBy(at, end time.Time) {
	if !end.IsZero() && at.After(end) {
		at = end
	}
	c.wake(at)
}

// extendAgain asks again: from T2 on all servers, until the lease is over.
func (c *Client) extendAgain(input) {
	switch {
	case c.lease.ended():
		c.lose(ErrEnded)
	case c.state == Renewing && !time.Now().Before(c.lease.Acquired.Add(c.lease.Rebind)):
		c.extendBy(Rebinding)
	default:
		c.msg.NumSeconds = c.elapsed()
		c.sendAgain()
		c.extending()
	}
}

// extend is a renewal that was granted.
func (c *Client) extend(in input) {
	l, ok := c.take(in.answer)
	if !ok {
		return
	}
	_ = c.host.Granted(l) // the lease goes on, whether it can be written down or not
	if l.Address != c.lease.Address {
		c.host.Lost(fmt.Errorf("the server gave %s in its place", l.Address))
		c.disown()
		c.accept(in)
		return
	}
	c.lease = l
	switch c.state {
	case Rebinding:
		c.told.rebound++
	case Verifying:
		c.told.verified++
	default:
		c.told.renewed++
	}
	c.hasty = false
	c.become(Bound)
	c.host.Bound(l)
	c.renewAt()
}

// ErrEnded is why a client lost a lease of which it asked for more in vain.
var ErrEnded = errors.New("the lease has ended: nobody answered the renewal")

// evicted is a NAK for an address in use.
func (c *Client) evicted(in input) {
	what := "the renewal"
	if c.state == Verifying {
		what = c.lease.Address.Addr().String()
	}
	c.lose(fmt.Errorf("%s refused %s by NAK%s", in.answer.ServerIdentifier(), what, quoted(in.answer.Message())))
}

// lose gives the address up and begins again.
func (c *Client) lose(reason error) {
	c.host.Lost(reason)
	c.anew()
	c.restart(packets.Jitter(initWait))
}
