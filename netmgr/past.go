package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// Past is how clients stood with their leases at one time. Its methods judge what
// has become of them since. Those with an end wait for it, at most until then;
// their errors are those of ctx.
type Past struct {
	At      time.Time
	clients []*Client
	each    map[*Client]standing
}

type standing struct {
	lease            Lease
	remembered       netip.Prefix
	losses           int
	renewed, rebound int
}

// Past is how clients stand now, all of them when none is named.
func (m *NetworkManager) Past(clients ...*Client) *Past {
	if len(clients) == 0 {
		clients = m.Clients()
	}
	p := &Past{At: time.Now(), clients: clients, each: map[*Client]standing{}}
	for _, c := range clients {
		s := c.Status()
		p.each[c] = standing{c.Lease(), c.Remembered(), c.losses().times, s.Renewed, s.Rebound}
	}
	return p
}

// leaseLoss is why a client lost its lease, last.
type leaseLoss struct {
	times  int
	reason error
}

func (c *Client) losses() leaseLoss {
	if l := c.lost.Load(); l != nil {
		return *l
	}
	return leaseLoss{}
}

// lostBy is why c lost its lease since; nil: it did not.
func (p *Past) lostBy(c *Client) error {
	if l := c.losses(); l.times > p.each[c].losses {
		return l.reason
	}
	return nil
}

// confirmed reports whether a server acknowledged since then what c has.
func (p *Past) confirmed(c *Client) bool { return c.Lease().Acquired.After(p.At) }

// had are the clients that had a lease then.
func (p *Past) had() []*Client {
	return those(p.clients, func(c *Client) bool { return p.each[c].lease.Address.IsValid() })
}

// NotKept are the clients that lost their lease or have another address.
func (p *Past) NotKept() (problems []Problem) {
	for _, c := range p.clients {
		was, now := p.each[c].lease.Address, c.Lease().Address
		if reason := p.lostBy(c); reason != nil {
			problems = append(problems, c.Problem(reason))
		} else if now != was {
			problems = append(problems, c.Problem(fmt.Errorf("has %s now, and had %s", or(now, "no address"), or(was, "none"))))
		}
	}
	return problems
}

func or(p netip.Prefix, nothing string) string {
	if !p.IsValid() {
		return nothing
	}
	return p.Addr().String()
}

// NotExtended are the clients that had a lease and did not get more of it: by
// unicast from their server, or by broadcast. The end may move on while clients
// verify their leases, which then begin anew.
func (p *Past) NotExtended(ctx context.Context, end func() time.Time, broadcast bool) (problems []Problem, err error) {
	extended := func(c *Client) bool {
		s := c.Status()
		return s.Renewed > p.each[c].renewed || s.Rebound > p.each[c].rebound || p.lostBy(c) != nil
	}
	for until := (time.Time{}); err == nil && end().After(until); {
		until = end()
		if err = Await(ctx, until, p.had(), extended); !slices.ContainsFunc(p.had(), func(c *Client) bool { return !extended(c) }) {
			break
		}
	}
	for _, c := range p.had() {
		if reason := p.notExtended(c, broadcast); reason != nil {
			problems = append(problems, c.Problem(reason))
		}
	}
	return problems, err
}

func (p *Past) notExtended(c *Client, broadcast bool) error {
	was, now := p.each[c], c.Status()
	by, other := "unicast", "broadcast"
	renewed := now.Renewed > was.renewed
	if broadcast {
		by, other, renewed = other, by, now.Rebound > was.rebound
	}
	switch {
	case p.lostBy(c) != nil:
		return p.lostBy(c)
	case renewed:
		return nil
	case now.Renewed > was.renewed, now.Rebound > was.rebound:
		return fmt.Errorf("%s extended the lease when asked by %s, not by %s (RFC 2131 §4.4.5)", c.Lease().Server, other, by)
	}
	return fmt.Errorf("%s did not extend the lease when asked by %s (RFC 2131 §4.3.2)", was.lease.Server, by)
}

// NotEnded are the clients whose lease went on. From then on At is when the first
// lease ended.
func (p *Past) NotEnded(ctx context.Context) (problems []Problem, err error) {
	var first, last time.Time
	for _, s := range p.each {
		end := s.lease.End()
		if s.lease.Address.IsValid() && (first.IsZero() || end.Before(first)) {
			first = end
		}
		if end.After(last) {
			last = end
		}
	}
	const late = 2 * time.Second // of a busy machine
	err = Await(ctx, last.Add(late), p.had(), func(c *Client) bool { return p.lostBy(c) != nil })
	p.At = first
	for _, c := range p.had() {
		switch reason := p.lostBy(c); reason {
		case dhcp4.ErrEnded:
		case nil:
			problems = append(problems, c.Problem(fmt.Errorf("%s extended the lease", c.Lease().Server)))
		default:
			problems = append(problems, c.Problem(reason))
		}
	}
	return problems, err
}

// NotAnswered are the clients whose REQUEST after a reboot was not answered by
// this type of message: an ACK for the address asked for, or a NAK.
func NotAnswered(ctx context.Context, end time.Time, clients []*Client, wanted dhcpv4.MessageType) (problems []Problem, err error) {
	err = Await(ctx, end, clients, func(c *Client) bool { return c.Status().Reboot != nil })
	for _, c := range clients {
		if reason := wrongAnswer(c.Status().Reboot, wanted); reason != "" {
			problems = append(problems, c.Problem(fmt.Errorf("%s (RFC 2131 §4.3.2)", reason)))
		}
	}
	return problems, err
}

func wrongAnswer(r *dhcp4.Reply, wanted dhcpv4.MessageType) string {
	switch {
	case r == nil:
		return "its REQUEST was not answered in time"
	case r.Type == wanted && (r.Type == dhcpv4.MessageTypeNak || r.Address == r.Asked):
		return ""
	case r.Type == dhcpv4.MessageTypeNone:
		return fmt.Sprintf("nobody answered %s", measure.Times(r.Sent, "REQUEST"))
	case r.Type == dhcpv4.MessageTypeNak:
		return fmt.Sprintf("%s refused it by NAK", r.Server)
	case r.Address != r.Asked:
		return fmt.Sprintf("%s gave %s to a client that asked for %s", r.Server, r.Address, r.Asked)
	}
	return fmt.Sprintf("%s gave it by ACK", r.Server)
}

// Return is how a client came to have an address again.
type Return struct {
	Client *Client
	Before netip.Prefix // what it had; invalid: nothing
	Now    netip.Prefix
	Server netip.Addr
	After  time.Duration // from the time of the Past to the ACK
}

// Returns tells which of all clients have an address, and which have none. Those
// of the Past must have one that a server acknowledged since; if it is to be the
// old one, then what they had.
func (p *Past) Returns(ctx context.Context, end time.Time, all []*Client, old bool) (returns []Return, problems []Problem, err error) {
	concerns := func(c *Client) bool { return slices.Contains(p.clients, c) }
	err = Await(ctx, end, all, func(c *Client) bool {
		if concerns(c) {
			return p.confirmed(c)
		}
		return c.HasLease()
	})
	for _, c := range all {
		was, now := p.each[c].remembered, c.Lease()
		switch {
		case !now.Address.IsValid():
			problems = append(problems, c.Problem(c.Missing()))
			continue
		case !concerns(c):
			continue
		case !p.confirmed(c):
			problems = append(problems, c.Problem(errors.New("no server has confirmed its address since")))
			continue
		case old && was.IsValid() && now.Address != was:
			problems = append(problems, c.Problem(fmt.Errorf("has %s from %s now, and had %s", now.Address.Addr(), now.Server, was.Addr())))
		}
		returns = append(returns, Return{c, was, now.Address, now.Server, now.Acquired.Sub(p.At)})
	}
	return returns, problems, err
}

// Reissued are the clients that were given an address after it had been declined,
// by them or by another, and those that declined one and have no other: of them
// nothing can be said. It waits until those that declined one have another. None
// reports that nobody has declined anything.
func (m *NetworkManager) Reissued(ctx context.Context, end time.Time) (problems []Problem, none bool, err error) {
	again := func(s Status) (addr netip.Addr, is bool) {
		for addr, d := range s.Declined {
			if d.Times > 1 {
				return addr, true
			}
		}
		return addr, false
	}
	err = Await(ctx, end, m.clients, func(c *Client) bool {
		_, is := again(c.Status())
		return is || c.lease() != nil
	})
	type decline struct {
		by *Client
		at time.Time
	}
	first := map[netip.Addr]decline{}
	for _, c := range m.clients {
		for addr, d := range c.Status().Declined {
			if f, known := first[addr]; !known || d.At.Before(f.at) {
				first[addr] = decline{c, d.At}
			}
		}
	}
	for _, c := range m.clients {
		addr, is := again(c.Status())
		for declined := range c.Status().Declined {
			if !is && first[declined].by != c {
				addr, is = declined, true
			}
		}
		if l := c.Lease(); !is && l.Address.IsValid() {
			var f decline
			f, is = first[l.Address.Addr()]
			addr, is = l.Address.Addr(), is && l.Acquired.After(f.at)
		}
		switch {
		case is:
			problems = append(problems, c.Problem(fmt.Errorf("was given %s after %s had declined it (RFC 2131 §4.3.3)", addr, first[addr].by.Name)))
		case len(c.Status().Declined) > 0 && !c.HasLease():
			problems = append(problems, c.Problem(fmt.Errorf("has been given no other: %w", c.Missing())))
		}
	}
	return problems, len(first) == 0, err
}
