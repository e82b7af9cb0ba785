package dhcp6

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// solicit begins to look for a server.
func (c *Client) solicit(*answer) {
	c.best = nil
	c.send(Soliciting, c.id.solicit(), solicitPlan)
}

// solicitAgain is for a wait for more offers that is over, or for any.
func (c *Client) solicitAgain(*answer) {
	if c.best != nil {
		c.request(*c.best)
		return
	}
	c.again(nil)
}

// choose takes an offer: one of the highest preference at once, otherwise the
// best when the first wait is over, or the first after that (RFC 9915 §18.2.1). So do
// systemd-networkd and others: the second that it costs is the standard's, and a
// router that wants it faster answers with a REPLY (rapid commit).
func (c *Client) choose(a *answer) {
	l, err := c.judge(a)
	if err != nil {
		c.refused = err
		return
	}
	if c.best != nil && !bytes.Equal(c.best.ServerID, l.ServerID) {
		c.remarks.Add("more than one DHCPv6 server offers addresses", "", "%s and %s", c.best.Server, l.Server)
	}
	preference := a.Options.Preference()
	if preference == math.MaxUint8 || c.sends > 1 {
		c.request(l)
	} else if c.best == nil || preference > c.preference {
		c.best, c.preference = &l, preference
	}
}

func (c *Client) request(l Lease) {
	c.offer, c.refused = l, nil
	c.send(Requesting, c.id.message(dhcpv6.MessageTypeRequest, &l, l.ServerID), requestPlan)
}

func (c *Client) requestInVain(*answer) { c.lose(c.unanswered()) }

// accept reads a REPLY that grants something, or refuses to.
func (c *Client) accept(a *answer) {
	if c.state == Soliciting && a.Options.GetOne(dhcpv6.OptionRapidCommit) == nil {
		c.remarks.Add("a REPLY to a SOLICIT that is no rapid commit (option 14)", "9915 §18.2.10.1", "from %s", a.from)
		return
	}
	l, err := c.judge(a)
	if err == nil {
		c.owe(l)
		if err = c.host.Granted(l); err == nil || c.using { // a lease goes on, whether it can be written down or not
			c.bind(l)
			return
		}
	}
	c.refused = err
	var status *statusError
	errors.As(err, &status)
	switch {
	case errors.Is(err, errWithdrawn) && c.using:
		c.lose(err)
	case status == nil: // as if nobody had answered
	case status.code == iana.StatusNoBinding && (c.state == Renewing || c.state == Rebinding):
		l := c.lease
		l.ServerID, l.Server = a.server, a.from
		c.request(l) // and goes on with its address (RFC 9915 §18.2.10.1)
	case status.code == iana.StatusNotOnLink && c.state != Soliciting, status.code == iana.StatusNoAddrsAvail && c.state == Requesting:
		c.lose(err)
	}
}

// another is a REPLY to a SOLICIT of a client that has already taken one.
func (c *Client) another(a *answer) {
	if c.msg.MessageType != dhcpv6.MessageTypeSolicit || bytes.Equal(a.server, c.lease.ServerID) {
		return
	}
	c.remarks.Add("more than one DHCPv6 server gives addresses by rapid commit", "", "%s and %s", c.lease.Server, a.from)
	if l, err := c.judge(a); err == nil {
		c.owe(l)
		_ = c.host.Granted(l)
	}
}

// bind begins or goes on to use the address.
func (c *Client) bind(l Lease) {
	if c.using && c.lease.Address != l.Address {
		c.drop(fmt.Errorf("the server gave %s in its place", l.Address))
	} else if c.using && !c.lease.same(l) {
		c.paid(c.lease) // another server has it now, or the same with a new DUID
	}
	c.told.Answered = l.Acquired
	c.lease, c.using, c.refused = l, true, nil
	c.host.Bound(l)
	c.goOn(nil)
}

// inform asks for options alone.
func (c *Client) inform(*answer) {
	c.send(Informing, c.id.message(dhcpv6.MessageTypeInformationRequest, nil, nil), informPlan)
}

func (c *Client) informed(a *answer) {
	if c.refused = a.failure(); c.refused != nil {
		return
	}
	c.state, c.told.Answered = Informed, time.Now()
	c.host.Informed(a.config())
	c.at = time.Time{}
	if d := max(a.Options.InformationRefreshTime(defaultRefresh), leastRefresh); d < forever {
		c.wake(time.Now().Add(d))
	}
}
