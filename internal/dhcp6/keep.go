package dhcp6

import (
	"errors"
	"fmt"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// goOn uses the lease until T1.
func (c *Client) goOn(*answer) {
	c.state = Bound
	c.wake(c.lease.Acquired.Add(c.lease.Renew))
}

// renew asks the server that gave the lease for more of it, until T2.
func (c *Client) renew(*answer) {
	p := extendPlan
	p.lasts = time.Until(c.lease.Acquired.Add(c.lease.Rebind))
	if p.lasts <= 0 {
		c.rebind(nil)
		return
	}
	c.send(Renewing, c.id.message(dhcpv6.MessageTypeRenew, &c.lease, c.lease.ServerID), p)
}

// rebind asks any server, until the lease is over.
func (c *Client) rebind(*answer) {
	c.send(Rebinding, c.id.message(dhcpv6.MessageTypeRebind, &c.lease, nil), extendPlan)
}

// confirm asks any server whether the address is good on this link (RFC 9915
// §18.2.3). Who hears nothing goes on with it.
func (c *Client) confirm(*answer) {
	c.send(Confirming, c.id.message(dhcpv6.MessageTypeConfirm, &c.lease, nil), confirmPlan)
}

func (c *Client) confirmed(a *answer) {
	err := a.failure()
	var status *statusError
	switch {
	case err == nil:
		c.goOn(nil)
	case errors.As(err, &status) && status.code == iana.StatusNotOnLink:
		c.lose(err)
	}
}

// decline tells the server that another host has the address (RFC 9915 §18.2.8).
func (c *Client) decline(*answer) {
	c.refused = fmt.Errorf("another host has %s", c.lease.Address)
	c.remarks.Add("an address was given out that another host has", "", "for example %s", c.lease.Address)
	c.drop(c.refused)
	c.send(Declining, c.id.message(dhcpv6.MessageTypeDecline, &c.lease, c.lease.ServerID), lastPlan)
}

// declined looks for another address, after a pause.
func (c *Client) declined(a *answer) {
	if a != nil {
		c.paid(c.lease)
	}
	c.state, c.msg = Init, nil
	c.wake(time.Now().Add(declineWait))
}
