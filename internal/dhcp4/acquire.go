package dhcp4

import (
	"fmt"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// discover begins to look for a server.
func (c *Client) discover(input) {
	if !c.mayAsk() {
		return
	}
	c.become(Selecting)
	c.useless = nil
	if c.told.first.IsZero() {
		c.began = time.Now() // it may have waited for its turn
	}
	m := c.id.question(dhcpv4.MessageTypeDiscover)
	m.NumSeconds = c.elapsed()
	c.send(m)
	c.discovered()
}

func (c *Client) discoverAgain(input) {
	if c.spare != nil {
		c.request(*c.spare)
		return
	}
	c.msg.NumSeconds = c.elapsed()
	c.sendAgain()
	c.discovered()
}

// discovered waits for an OFFER, after the DISCOVER was sent.
func (c *Client) discovered() {
	if c.unsent || c.state != Selecting {
		return
	}
	now := time.Now()
	if c.told.first.IsZero() {
		c.told.first = now
	}
	c.told.discovers++
	c.secs = c.msg.NumSeconds
	c.wake(now.Add(backoff(firstWait, c.sends)))
}

// choose takes the first OFFER that is of use, as most hosts do.
func (c *Client) choose(in input) {
	if c.group.opts.OnlyAsks {
		c.sleep() // the DISCOVER need not be sent again
		return
	}
	l, notes, err := parseLease(in.answer.DHCPv4)
	if err != nil {
		c.useless = fmt.Errorf("an OFFER was refused: %w", err)
		c.remarks.Add("an OFFER of no use", "2131 §4.3.1", "%v", err)
		return
	}
	c.remarkAll(notes)
	if l.Server == c.left && time.Now().Before(c.leftUntil) {
		if c.spare == nil {
			c.spare = &l
			c.wake(time.Now().Add(patience))
		}
		return
	}
	c.request(l)
}

// request asks for what was offered, in the transaction of its DISCOVER.
func (c *Client) request(l Lease) {
	c.lease = l
	c.become(Requesting)
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.TransactionID, m.NumSeconds = c.msg.TransactionID, c.secs // RFC 2131 §3.1 step 3, §4.4.1
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(c.lease.Address.Addr().AsSlice()))
	m.UpdateOption(dhcpv4.OptServerIdentifier(c.lease.Server.AsSlice()))
	c.send(m)
	c.told.offered, c.told.asked = time.Now(), time.Now()
	c.requested()
}

func (c *Client) requested() {
	if c.unsent || c.state != Requesting && c.state != Rebooting {
		return
	}
	c.told.requests++
	c.wake(time.Now().Add(backoff(requestWait, c.sends)))
}

func (c *Client) requestAgain(input) {
	if c.unsent || c.sends < requestTries {
		c.sendAgain()
		c.requested()
		return
	}
	c.told.denied = fmt.Sprintf("%s, which %s had offered", c.lease.Address.Addr(), c.lease.Server)
	c.remarks.Add("a REQUEST stays without an answer for some seconds, so the client begins again", "", "%s", c.told.denied)
	c.left, c.leftUntil = c.lease.Server, time.Now().Add(leaveAlone)
	c.discover(input{})
}

// refused is a NAK for an address that was never used.
func (c *Client) refused(in input) {
	c.told.naks++
	c.told.nak = fmt.Errorf("refused by NAK from %s%s", in.answer.ServerIdentifier(), quoted(in.answer.Message()))
	c.rebootAnswered(in.answer)
	c.restart(backoff(nakWait, c.setbacks+1))
	c.setbacks++
}

// take reads an ACK, generously: what a host can live with is a remark.
func (c *Client) take(a *answer) (Lease, bool) {
	l, notes, err := parseLease(a.DHCPv4)
	l.Acquired = time.Now()
	if err != nil {
		c.useless = fmt.Errorf("an ACK was refused: %w", err)
		c.remarks.Add("an ACK of no use", "2131 §4.3.1", "%v", err)
		if !c.state.holds() && l.Address.IsValid() && judgeAddress(l.Address) == nil && l.Server.IsValid() {
			_ = c.host.Granted(l) // so that it is given back; but a client that has another keeps that
		}
		return l, false
	}
	c.remarkAll(notes)
	if c.lease.Address.IsValid() && l.Address.Addr() != c.lease.Address.Addr() {
		c.remarks.Add("an ACK for another address than was asked for", "2131 §4.3.2", "%s instead of %s", l.Address.Addr(), c.lease.Address.Addr())
	}
	if asked := packets.Addr4(c.msg.ServerIdentifier()); asked.IsValid() && l.Server != asked {
		c.remarks.Add("an ACK from another server than was asked", "2131 §4.3.2", "%s instead of %s", l.Server, asked)
	}
	return l, true
}

// accept has a lease, of which it is to be seen whether its address is free.
func (c *Client) accept(in input) {
	l, ok := c.take(in.answer)
	if !ok {
		return
	}
	if err := c.host.Granted(l); err != nil && c.machineFailed(err) {
		return
	}
	c.told.acked = l.Acquired
	c.rebootAnswered(in.answer)
	c.lease, c.setbacks, c.probes = l, 0, 0
	c.become(Checking)
	if sibling := c.group.owners[l.Address.Addr()]; sibling != nil && sibling != c {
		if !c.group.opts.Unchecked {
			c.handle(onConflict, input{rival: sibling.id.MAC.String()})
			return
		}
	} else {
		c.group.owners[l.Address.Addr()] = c
	}
	c.probe(input{})
}
