package dhcp4

import (
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Reply is what servers said to the REQUEST of a client that had rebooted.
type Reply struct {
	Type    dhcpv4.MessageType // ACK, NAK, or MessageTypeNone when nobody said anything
	Server  netip.Addr
	Address netip.Addr // of an ACK
	Asked   netip.Addr // the address in the REQUEST
	Sent    int        // REQUESTs
}

// Pause ends what clients do, without a word to anybody, until Start or Reboot.
// Their addresses stay where they are.
func (g *Group) Pause(clients ...*Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range clients {
		c.pause()
	}
}

func (c *Client) pause() {
	c.sleep()
	c.group.waiting = slices.DeleteFunc(c.group.waiting, func(w *Client) bool { return w == c })
	c.disown()
	c.lease, c.spare = Lease{}, nil
	c.become(Init)
}

// Reboot has clients ask, all at once, for the addresses of leases that they had
// before, as after a restart (RFC 2131 §3.2). Whatever they were doing ends. One
// that is not answered, or refused, goes on as after Start, for as long as it takes.
func (g *Group) Reboot(leases map[*Client]Lease) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range leases {
		if c.state.holds() {
			c.host.Idle()
		}
		c.pause()
	}
	for c, l := range leases {
		c.anew()
		c.lease, c.told.reboot = l, nil
		c.deadline = time.Time{}
		c.become(InitReboot)
		c.handle(onTick, input{})
	}
}

func (c *Client) reboot(input) {
	c.become(Rebooting)
	c.told.first, c.told.asked = time.Now(), time.Now()
	c.send(c.remembered())
	c.requested()
}

// remembered is the REQUEST for an address of which the client thinks that it is
// its own (RFC 2131 §4.3.2, INIT-REBOOT).
func (c *Client) remembered() *dhcpv4.DHCPv4 {
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(c.lease.Address.Addr().AsSlice()))
	return m
}

func (c *Client) rebootAgain(input) {
	if c.unsent || c.sends < requestTries {
		c.sendAgain()
		c.requested()
		return
	}
	c.told.reboot = &Reply{Asked: c.lease.Address.Addr(), Sent: c.sends}
	c.discover(input{})
}

// rebootAnswered keeps what was said to the REQUEST after a reboot.
func (c *Client) rebootAnswered(a *answer) {
	if c.state != Rebooting {
		return
	}
	c.told.reboot = &Reply{
		Type: a.MessageType(), Server: packets.Addr4(a.ServerIdentifier()), Address: packets.Addr4(a.YourIPAddr),
		Asked: packets.Addr4(c.msg.RequestedIPAddress()), Sent: c.sends,
	}
}

// Reconnected is told when the link was down and is up again. Who has a lease
// asks whether it is still good here, and uses it meanwhile; who was about to use one
// asks for it again; who looks for a server begins again. So do hosts, all at once,
// after a router's power cut.
func (g *Group) Reconnected() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.clients {
		c.reconnected()
	}
}

func (c *Client) reconnected() {
	switch {
	case c.state.holds():
		c.become(Verifying)
		c.began = time.Now()
		c.send(c.remembered())
		c.verifying()
	case c.state == Checking:
		c.disown()
		c.reboot(input{})
	case c.state == Selecting:
		c.discover(input{})
	}
}

func (c *Client) verifying() {
	if c.unsent || c.state != Verifying {
		return
	}
	c.wakeBy(time.Now().Add(backoff(requestWait, c.sends)), c.lease.End())
}

// verifyAgain keeps the lease when nobody says a word against it (RFC 2131 §3.2
// step 3).
func (c *Client) verifyAgain(input) {
	if c.lease.ended() {
		c.lose(ErrEnded)
		return
	}
	if c.unsent || c.sends < requestTries {
		c.sendAgain()
		c.verifying()
		return
	}
	c.become(Bound)
	c.renewAt()
}
