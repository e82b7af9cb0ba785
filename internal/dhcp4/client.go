// Package dhcp4 is a DHCPv4 client (RFC 2131, RFC 5227): its states, its
// messages and what it makes of a lease. It lives as a phone or a laptop does:
// it asks, checks, renews, rebinds, gives up and begins again. It knows nothing
// of sockets and links; a Host does what it decides.
package dhcp4

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// Host is the machine that a client is. Its methods are called one at a time,
// and must neither block nor call the Group.
type Host interface {
	// Broadcast sends a DHCP message to all servers: from the client's address
	// if it has one, otherwise from 0.0.0.0. The error is unix.ENOBUFS or
	// unix.EAGAIN when a queue of this machine is full.
	Broadcast(msg []byte) error
	// Unicast sends a DHCP message from the client's address to a server.
	Unicast(server netip.Addr, msg []byte) error
	// Probe asks by ARP, from no address, who has addr (RFC 5227 §2.1.1). Its
	// errors are those of Broadcast.
	Probe(addr netip.Addr) error
	// Announce says by ARP that the client has addr (RFC 5227 §2.3).
	Announce(addr netip.Addr) error

	// Granted is told of every ACK that is to be given back. From then on the lease is the client's to
	// give back, whether it comes to anything or not.
	Granted(Lease) error
	// Bound: the client has the lease, and may use its address.
	Bound(Lease)
	// Lost: the client must not use its address any more, for this reason.
	Lost(error)
	// Idle: the client does not use its address for now; the lease may go on.
	Idle()
	// Failed: the client has got no lease in its time, and is stopped.
	Failed(error)
}

// Client is one client of a Group. Its fields are guarded by the group's lock.
type Client struct {
	group *Group
	id    Identity
	host  Host

	state State
	at    time.Time // of the next tick
	place int       // among the group's timers; -1: none

	began    time.Time     // to ask for an address
	deadline time.Time     // until which there must be one; zero once there was
	timeout  time.Duration // of which deadline is the end

	msg    *dhcpv4.DHCPv4 // under way, or the last that was
	sends  int            // how often it was sent
	unsent bool           // it is still to be sent, for a queue was full
	hasty  bool           // it asks for more of a lease because somebody wants to see that
	secs   uint16         // of the last DISCOVER, for the REQUEST (RFC 2131 §3.1)
	heard  []heard        // who answered it

	lease    Lease     // offered, acknowledged or in force
	spare    *Lease    // offered by a server that is left alone
	probes   int       // sent for the address
	defended time.Time // when the address was last claimed by another host

	left      netip.Addr // a server that did not acknowledge what it had offered,
	leftUntil time.Time  // is left alone for so long
	setbacks  int        // NAKs, in a row

	useless  error // why the last answer was of no use
	told     tally
	remarks  remark.List
	declined map[netip.Addr]Decline // addresses granted that were declined
	servers  []Server
}

// heard is how often a server has answered the message under way.
type heard struct {
	server netip.Addr
	kind   dhcpv4.MessageType
	times  int
}

// tally is what has been sent, and came of it, since the client began to ask.
type tally struct {
	first, offered, asked, acked time.Time
	discovers, requests, resent  int
	naks, declines               int
	nak                          error  // the last
	denied                       string // the last address for which no ACK came, and who had offered it

	renewed, rebound, verified int    // in all its life
	reboot                     *Reply // to the REQUEST after the last reboot; nil: not yet
}

const (
	// firstWait is how long a message waits for its answer before it is sent
	// again; each further wait is twice as long, up to mostWait. RFC 2131 §4.1
	// has a client of Ethernet begin with 4 s; Android begins with 2 s.
	firstWait = 2 * time.Second
	mostWait  = 64 * time.Second

	// A REQUEST that is not acknowledged is sent so often, at first after so
	// long. Then the client begins again (RFC 2131 §3.1 step 5), and prefers
	// other servers for a while.
	requestTries = 3
	requestWait  = time.Second
	leaveAlone   = 30 * time.Second
	patience     = time.Second // for another server's OFFER, when one is left alone

	initWait    = time.Second      // before all begin again who lost their lease (RFC 2131 §4.4.1)
	nakWait     = time.Second      // after a NAK, and twice as long after the next
	declineWait = 10 * time.Second // after a DECLINE (RFC 2131 §3.1 step 5)
	fullWait    = 10 * time.Millisecond
	lastWait    = 2 * time.Second // for the ACK to a REQUEST of a client that leaves

	// RFC 5227 §1.1 would have three probes in up to six seconds. On a cable an
	// answer takes milliseconds, and no phone waits so long.
	probeTries     = 2
	probeWait      = 100 * time.Millisecond
	defendInterval = 10 * time.Second // RFC 5227 §1.1

	renewWait = 60 * time.Second // the least between two REQUESTs of a renewal (RFC 2131 §4.4.5)
)

// handle does what the table says.
func (c *Client) handle(e event, in input) {
	if do := table[c.state][e]; do != nil {
		do(c, in)
	}
}

func (c *Client) become(s State) {
	if s != c.state {
		c.group.count(c.state, s)
		c.state = s
	}
}

// pressed reports whether the client must have an address by its deadline. Once
// it was granted one it is only a matter of looking whether that is free.
func (c *Client) pressed() bool {
	return !c.deadline.IsZero() && c.state != Checking && c.state != Leaving && c.state != Stopped
}

// mayAsk is false for a client that has to wait until others are done.
func (c *Client) mayAsk() bool {
	g := c.group
	if g.opts.InFlight == 0 || g.asking < g.opts.InFlight || c.state.asking() || !c.pressed() {
		return true
	}
	g.waiting = append(g.waiting, c)
	c.wake(c.deadline)
	return false
}

// send begins to send a message.
func (c *Client) send(m *dhcpv4.DHCPv4) {
	if c.msg == nil || c.msg.TransactionID != m.TransactionID {
		c.heard = c.heard[:0]
	}
	c.msg, c.sends, c.spare = m, 0, nil
	c.sendAgain()
}

// sendAgain sends the message under way, or puts it off when a queue of this
// machine is full, which is our own haste and no loss.
func (c *Client) sendAgain() {
	wire := c.msg.ToBytes()
	var err error
	if c.state == Renewing {
		err = c.host.Unicast(c.lease.Server, wire)
	} else {
		err = c.host.Broadcast(wire)
	}
	if c.unsent = packets.QueueFull(err); c.unsent {
		c.wake(time.Now().Add(packets.Jitter(fullWait)))
		return
	}
	if err != nil && c.machineFailed(fmt.Errorf("send %s: %w", c.msg.MessageType(), err)) {
		return
	}
	if c.sends++; c.sends > 1 {
		c.told.resent++
	}
}

// machineFailed is for what this machine could not do. A client that is being made
// fails; one that stands goes on, as after any loss.
func (c *Client) machineFailed(err error) (failed bool) {
	if c.deadline.IsZero() {
		return false
	}
	c.fail(err)
	return true
}

// anew begins to ask for an address.
func (c *Client) anew() {
	c.began = time.Now()
	c.told = tally{renewed: c.told.renewed, rebound: c.told.rebound, verified: c.told.verified, reboot: c.told.reboot}
}

// elapsed is the field secs: since the client began to ask (RFC 2131 §2).
func (c *Client) elapsed() uint16 { return uint16(min(time.Since(c.began).Seconds(), 1<<16-1)) }

// restart goes back to the beginning, after a pause.
func (c *Client) restart(pause time.Duration) {
	c.spare = nil
	c.disown()
	c.lease = Lease{}
	c.become(Init)
	c.wake(time.Now().Add(pause))
}

// disown ends the client's claim on its address among its siblings.
func (c *Client) disown() {
	if c.group.owners[c.lease.Address.Addr()] == c {
		delete(c.group.owners, c.lease.Address.Addr())
	}
}

func (c *Client) stop() {
	c.sleep()
	c.disown()
	c.become(Stopped)
}

func (c *Client) fail(err error) {
	c.stop()
	c.host.Failed(err)
}

func (c *Client) remarkAll(notes []Remark) {
	for _, n := range notes {
		c.remarks.Add(n.What, n.RFC, "%s", n.Detail)
	}
}

// backoff is how long to wait after the n-th time that something was sent.
func backoff(first time.Duration, n int) time.Duration {
	return packets.Jitter(min(first<<min(n-1, 10), mostWait))
}

func quoted(message string) string {
	if message == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", message)
}
