package dhcp4

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// probe asks whether another host has the address, and takes it if nobody says
// so in time.
func (c *Client) probe(input) {
	if c.group.opts.Unchecked || c.probes == probeTries {
		c.bind()
		return
	}
	err := c.host.Probe(c.lease.Address.Addr())
	if packets.QueueFull(err) {
		c.wake(time.Now().Add(packets.Jitter(fullWait)))
		return
	}
	if err != nil && c.machineFailed(fmt.Errorf("ask for %s by ARP: %w", c.lease.Address.Addr(), err)) {
		return
	}
	c.probes++
	c.wake(time.Now().Add(probeWait))
}

// Decline is what a client has told its server of an address.
type Decline struct {
	Holder string    // the MAC address of the host that has it; "another host" when there is none
	At     time.Time // the first time
	Times  int
}

// decline gives an address back that another host has.
func (c *Client) decline(in input) {
	addr := c.lease.Address.Addr()
	c.remarks.Add("an address was given out that another host has", "", "for example %s, which %s has", addr, in.rival)
	c.reject(in.rival)
}

// Decline has clients say of their addresses that another host has them, true or
// not, and then look for others. Clients without a lease do nothing.
func (g *Group) Decline(clients ...*Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range clients {
		if c.state.holds() {
			c.anew()
			c.reject("another host")
		}
	}
}

func (c *Client) reject(rival string) {
	addr := c.lease.Address.Addr()
	c.told.declines++
	if c.declined == nil {
		c.declined = map[netip.Addr]Decline{}
	}
	d, known := c.declined[addr]
	if !known {
		d = Decline{Holder: rival, At: time.Now()}
	}
	d.Times++
	const mostDeclined = 64
	if known || len(c.declined) < mostDeclined {
		c.declined[addr] = d
	}
	_ = c.host.Broadcast(c.id.decline(c.lease)) // nobody answers it, lost or not
	c.host.Lost(fmt.Errorf("%s is that of %s", addr, rival))
	c.restart(declineWait)
}

// defend speaks up for an address in use, once; a rival that insists has it
// (RFC 5227 §2.4).
func (c *Client) defend(in input) {
	addr := c.lease.Address.Addr()
	c.remarks.Add("another host took an address that a client had leased", "", "for example %s, which %s took", addr, in.rival)
	if !c.defended.IsZero() && time.Since(c.defended) < defendInterval {
		c.decline(in)
		return
	}
	c.defended = time.Now()
	_ = c.host.Announce(addr)
}

// bind begins to use the address.
func (c *Client) bind() {
	c.deadline = time.Time{}
	c.become(Bound)
	_ = c.host.Announce(c.lease.Address.Addr())
	c.host.Bound(c.lease)
	c.renewAt()
}
