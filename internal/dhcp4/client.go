// Package dhcp4 is a DHCPv4 client (RFC 2131, RFC 5227): its states, its
// messages and what it makes of a lease. It lives as a phone or a laptop does:
// it asks, checks, renews, rebinds, gives up and begins again. It knows nothing
// of sockets and links; a Host does what it decides.
package dhcp4

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
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

	// Granted is told of every ACK. From then on the lease is the client's to
	// give back, whether it comes to anything or not.
	Granted(Lease) error
	// Bound: the client has the lease, and may use its address.
	Bound(Lease)
	// Lost: the client must not use its address any more, for this reason.
	Lost(error)
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
	secs   uint16         // of the last DISCOVER, for the REQUEST (RFC 2131 §3.1)
	heard  []heard        // who answered it

	lease    Lease // offered, acknowledged or in force
	spare    *answer
	probes   int       // sent for the address
	defended time.Time // when the address was last claimed by another host

	left      netip.Addr // a server that did not acknowledge what it had offered,
	leftUntil time.Time  // is left alone for so long
	setbacks  int        // NAKs, in a row

	useless error // why the last answer was of no use
	told    tally
	remarks []Remark
	events  []Event
	rivals  map[netip.Addr]string // addresses granted that another host had, and which
}

// heard is how often a server has answered the message under way.
type heard struct {
	server netip.Addr
	kind   dhcpv4.MessageType
	times  int
}

// tally is what has been sent, and came of it, since the client began.
type tally struct {
	first, offered, asked, acked time.Time
	discovers, requests, resent  int
	naks, declines               int
	renewed, rebound             int
	nak                          error  // the last
	denied                       string // the last address for which no ACK came, and who had offered it
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
	if c.unsent = queueFull(err); c.unsent {
		c.wake(time.Now().Add(jitter(fullWait)))
		return
	}
	if err != nil && c.stumble(fmt.Errorf("send %s: %w", c.msg.MessageType(), err)) {
		return
	}
	if c.sends++; c.sends > 1 {
		c.told.resent++
	}
}

func queueFull(err error) bool { return errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EAGAIN) }

// stumble is for what this machine could not do. A client that is being made
// fails; one that stands goes on, as after any loss.
func (c *Client) stumble(err error) (failed bool) {
	if c.deadline.IsZero() {
		c.log("%v", err)
		return false
	}
	c.fail(err)
	return true
}

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
		c.request(c.spare)
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

// elapsed is the field secs: since the client began to ask (RFC 2131 §2).
func (c *Client) elapsed() uint16 { return uint16(min(time.Since(c.began).Seconds(), 1<<16-1)) }

// hear sorts a message that belongs to the one under way.
func (c *Client) hear(a *answer) {
	if a.OpCode != dhcpv4.OpcodeBootReply {
		return
	}
	server := addr4(a.ServerIdentifier())
	c.note(a, server)
	switch a.MessageType() {
	case dhcpv4.MessageTypeOffer:
		c.handle(onOffer, input{answer: a})
	case dhcpv4.MessageTypeAck:
		c.handle(onAck, input{answer: a})
	case dhcpv4.MessageTypeNak:
		c.handle(onNak, input{answer: a})
	}
}

// note remarks what can be seen of an answer by itself.
func (c *Client) note(a *answer, server netip.Addr) {
	same := func(h heard) bool { return h.server == server && h.kind == a.MessageType() }
	i := slices.IndexFunc(c.heard, same)
	const mostHeard = 16
	if i < 0 && len(c.heard) < mostHeard {
		if a.MessageType() == dhcpv4.MessageTypeOffer && slices.ContainsFunc(c.heard, func(h heard) bool { return h.kind == a.MessageType() }) {
			c.remark("a second DHCP server offers addresses", "", "%s (MAC %s)", server, a.from)
		}
		i = len(c.heard)
		c.heard = append(c.heard, heard{server: server, kind: a.MessageType()})
	}
	asked := c.sends
	if a.MessageType() == dhcpv4.MessageTypeOffer && c.state != Selecting {
		asked = c.told.discovers
	}
	if i >= 0 {
		if c.heard[i].times++; c.heard[i].times > asked {
			c.remark("answers come more than once", "", "from %s", server)
		}
	}
	if !a.Options.Has(dhcpv4.OptionClientIdentifier) {
		c.remark("answers without the client identifier (option 61)", "6842 §3", "from %s", server)
	}
}

// choose takes the first OFFER that is of use, as most hosts do.
func (c *Client) choose(in input) {
	l, notes, err := parseLease(in.answer.DHCPv4)
	if err != nil {
		c.useless = fmt.Errorf("an OFFER was refused: %w", err)
		c.remark("an OFFER of no use", "2131 §4.3.1", "%v", err)
		return
	}
	c.remarkAll(notes)
	if l.Server == c.left && time.Now().Before(c.leftUntil) {
		if c.spare == nil {
			c.spare = in.answer
			c.wake(time.Now().Add(patience))
		}
		return
	}
	c.request(in.answer)
}

// request asks for what was offered.
func (c *Client) request(a *answer) {
	c.lease, _, _ = parseLease(a.DHCPv4)
	c.become(Requesting)
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.TransactionID, m.NumSeconds = a.TransactionID, c.secs // RFC 2131 §3.1 step 3, §4.4.1
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(c.lease.Address.Addr().AsSlice()))
	m.UpdateOption(dhcpv4.OptServerIdentifier(c.lease.Server.AsSlice()))
	c.send(m)
	if !c.deadline.IsZero() {
		c.told.offered, c.told.asked = time.Now(), time.Now()
	}
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
	c.remark("a REQUEST stays without an answer for some seconds, so the client begins again", "", "%s", c.told.denied)
	c.left, c.leftUntil = c.lease.Server, time.Now().Add(leaveAlone)
	c.log("no ACK for %s", c.told.denied)
	c.discover(input{})
}

// refused is a NAK for an address that was never used.
func (c *Client) refused(in input) {
	c.told.naks++
	c.told.nak = fmt.Errorf("refused by NAK from %s%s", in.answer.ServerIdentifier(), quoted(in.answer.Message()))
	c.log("%v", c.told.nak)
	c.restart(backoff(nakWait, c.setbacks+1))
	c.setbacks++
}

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

// take reads an ACK, generously: what a host can live with is a remark.
func (c *Client) take(a *answer) (Lease, bool) {
	l, notes, err := parseLease(a.DHCPv4)
	l.Acquired = time.Now()
	if err != nil {
		c.useless = fmt.Errorf("an ACK was refused: %w", err)
		c.remark("an ACK of no use", "2131 §4.3.1", "%v", err)
		if !c.state.holds() && l.Address.IsValid() && judgeAddress(l.Address) == nil && l.Server.IsValid() {
			_ = c.host.Granted(l) // so that it is given back; but a client that has another keeps that
		}
		return l, false
	}
	c.remarkAll(notes)
	if c.lease.Address.IsValid() && l.Address.Addr() != c.lease.Address.Addr() {
		c.remark("an ACK for another address than was asked for", "2131 §4.3.2", "%s instead of %s", l.Address.Addr(), c.lease.Address.Addr())
	}
	if asked := addr4(c.msg.ServerIdentifier()); asked.IsValid() && l.Server != asked {
		c.remark("an ACK from another server than was asked", "2131 §4.3.2", "%s instead of %s", l.Server, asked)
	}
	return l, true
}

// accept has a lease, of which it is to be seen whether its address is free.
func (c *Client) accept(in input) {
	l, ok := c.take(in.answer)
	if !ok {
		return
	}
	if err := c.host.Granted(l); err != nil && c.stumble(err) {
		return
	}
	if !c.deadline.IsZero() { // of the first that is kept
		c.told.acked = l.Acquired
	}
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

// probe asks whether another host has the address, and takes it if nobody says
// so in time.
func (c *Client) probe(input) {
	if c.group.opts.Unchecked || c.probes == probeTries {
		c.bind()
		return
	}
	err := c.host.Probe(c.lease.Address.Addr())
	if queueFull(err) {
		c.wake(time.Now().Add(jitter(fullWait)))
		return
	}
	if err != nil && c.stumble(fmt.Errorf("ask for %s by ARP: %w", c.lease.Address.Addr(), err)) {
		return
	}
	c.probes++
	c.wake(time.Now().Add(probeWait))
}

// decline gives an address back that another host has.
func (c *Client) decline(in input) {
	addr := c.lease.Address.Addr()
	c.told.declines++
	if c.rivals == nil {
		c.rivals = map[netip.Addr]string{}
	}
	const mostRivals = 64
	if len(c.rivals) < mostRivals {
		c.rivals[addr] = in.rival
	}
	c.remark("an address was given out that another host has", "", "for example %s, which %s has", addr, in.rival)
	c.log("DECLINE of %s, which is that of %s", addr, in.rival)
	_ = c.host.Broadcast(c.id.decline(c.lease)) // nobody answers it, lost or not
	c.host.Lost(fmt.Errorf("%s is that of %s", addr, in.rival))
	c.restart(declineWait)
}

// defend speaks up for an address in use, once; a rival that insists has it
// (RFC 5227 §2.4).
func (c *Client) defend(in input) {
	addr := c.lease.Address.Addr()
	c.remark("another host took an address that a client had leased", "", "for example %s, which %s took", addr, in.rival)
	c.log("%s claims %s, too", in.rival, addr)
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
	c.log("%s from %s for %s", c.lease.Address, c.lease.Server, c.lease.Term())
	_ = c.host.Announce(c.lease.Address.Addr())
	c.host.Bound(c.lease)
	c.renewAt()
}

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

// Reboot has a client that does nothing ask for the address of a lease that it
// had before, as after a restart (RFC 2131 §3.2).
func (g *Group) Reboot(timeout time.Duration, c *Client, l Lease) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.lease = l
	c.began, c.deadline, c.timeout = time.Now(), time.Now().Add(timeout), timeout
	c.become(InitReboot)
	c.handle(onTick, input{})
}

func (c *Client) reboot(input) {
	if !c.mayAsk() {
		return
	}
	c.become(Rebooting)
	m := c.id.question(dhcpv4.MessageTypeRequest)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(c.lease.Address.Addr().AsSlice()))
	c.told.first, c.told.asked = time.Now(), time.Now()
	c.send(m)
	c.requested()
}

func (c *Client) rebootAgain(input) {
	if c.unsent || c.sends < requestTries {
		c.sendAgain()
		c.requested()
		return
	}
	c.log("nobody knows %s any more", c.lease.Address.Addr())
	c.discover(input{})
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
		c.remark(n.What, n.RFC, "%s", n.Detail)
	}
}

// backoff is how long to wait after the n-th time that something was sent.
func backoff(first time.Duration, n int) time.Duration {
	return jitter(min(first<<min(n-1, 10), mostWait))
}

// jitter spreads d by a quarter either way, so that clients which collided
// once do not collide again.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

func quoted(message string) string {
	if message == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", message)
}
