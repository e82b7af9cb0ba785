package dhcp4

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
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
	c.become(Renewing)
	c.began = time.Now()
	c.send(c.renewal())
	c.renewed()
}

// renewal is the REQUEST of RENEWING and REBINDING (RFC 2131 §4.3.6).
func (c *Client) renewal() *dhcpv4.DHCPv4 {
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.ClientIPAddr = c.lease.Address.Addr().AsSlice()
	return m
}

func (c *Client) renewed() { c.waitHalf(c.lease.Acquired.Add(c.lease.Rebind)) }

// waitHalf waits for half of the time that is left until end, but at least a
// minute, and at most until end (RFC 2131 §4.4.5).
func (c *Client) waitHalf(end time.Time) {
	if c.unsent || !c.state.holds() {
		return
	}
	next := time.Now().Add(max(renewWait, time.Until(end)/2))
	if next.After(end) {
		next = end
	}
	c.wake(next)
}

func (c *Client) renewAgain(input) {
	if !time.Now().Before(c.lease.Acquired.Add(c.lease.Rebind)) {
		c.log("T2: %s has not answered", c.lease.Server)
		c.become(Rebinding)
		c.send(c.renewal())
		c.rebound()
		return
	}
	c.msg.NumSeconds = c.elapsed()
	c.sendAgain()
	c.renewed()
}

func (c *Client) rebound() { c.waitHalf(c.lease.End()) }

func (c *Client) rebindAgain(input) {
	if !time.Now().Before(c.lease.End()) {
		c.lose(errors.New("the lease has ended: nobody answered the renewal"))
		return
	}
	c.msg.NumSeconds = c.elapsed()
	c.sendAgain()
	c.rebound()
}

// extend is a renewal that was granted.
func (c *Client) extend(in input) {
	l, ok := c.take(in.answer)
	if !ok {
		return
	}
	if err := c.host.Granted(l); err != nil {
		c.log("%v", err)
	}
	if l.Address != c.lease.Address {
		c.host.Lost(fmt.Errorf("the server gave %s in its place", l.Address))
		c.disown()
		c.accept(in)
		return
	}
	c.lease = l
	c.log("%s: %s for %s more", c.state, l.Address.Addr(), l.Term())
	if c.state == Rebinding {
		c.told.rebound++
	} else {
		c.told.renewed++
	}
	c.become(Bound)
	c.host.Bound(l)
	c.renewAt()
}

// evicted is a NAK for an address in use.
func (c *Client) evicted(in input) {
	c.lose(fmt.Errorf("%s refused the renewal by NAK%s", in.answer.ServerIdentifier(), quoted(in.answer.Message())))
}

// lose gives the address up and begins again.
func (c *Client) lose(reason error) {
	c.log("%v", reason)
	c.host.Lost(reason)
	c.began = time.Now()
	c.restart(jitter(initWait))
}
