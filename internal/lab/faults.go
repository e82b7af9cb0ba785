package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Fault is something that the router does wrong. Package fault lists them.
type Fault = fault.Fault

// troubles is what is wrong with a lab.
type troubles struct {
	mu        sync.Mutex
	base, now fault.Conditions
	broken    bool  // since the last Reset
	failed    error // of what the router did by itself since
	closed    bool

	server lanServer
	gate   *gate  // nil while nothing is lost or delayed
	pings  *gate  // nil while the router answers pings at once
	rogue  *rogue // nil while there is none

	squatters   *namespace.NS // likewise
	rogueRouter *rogueRouter
	hoarder     *hoarder
}

// lanServer is who answers DHCP, and perhaps DNS, on the LAN.
type lanServer interface {
	obey(fault.Conditions) error // behaves so from now on
	forget() error               // its leases
	linkIsUp() error             // after it was down
	leases() (int, error)
}

// Break makes the router do f, besides what it does wrong already, from now on
// until Heal or Reset. It may be called at any time before Close. On error
// nothing has changed.
func (l *Lab) Break(f Fault) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, next := l.now, l.now
	if err := l.add(&next, f); err != nil {
		return err
	}
	l.broken = true
	if err := l.behave(next); err != nil {
		return errors.Join(err, l.behave(was))
	}
	return nil
}

// Heal makes the router behave as its options say. Its leases stay. What
// counts, such as stop-after, begins anew.
func (l *Lab) Heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behave(l.base)
}

// Reset makes the lab as it was when it was new: it is Heal, and all leases are
// forgotten if there was a Break or a reboot since the last Reset, for clients
// that did not get through to give them back. The error tells also of a reboot
// after which the router did not come back.
func (l *Lab) Reset() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.failed
	if l.broken {
		err = errors.Join(err, l.forget())
	}
	l.broken, l.failed = false, nil
	return errors.Join(err, l.restartIPv6(), l.behave(l.base))
}

// Forget makes the router forget its leases, without a word to their holders.
func (l *Lab) Forget() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forget()
}

func (l *Lab) forget() error {
	err := l.server.forget()
	if l.ipv6.dhcp != nil {
		err = errors.Join(err, l.ipv6.dhcp.forget())
	}
	return err
}

// Conditions is how the router behaves at the moment.
func (l *Lab) Conditions() fault.Conditions {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// conditions is what the options ask for.
func (l *Lab) conditions() (fault.Conditions, error) {
	c := fault.Conditions{Pool: l.opts.Pool, LeaseTime: l.opts.LeaseTime, Line: l.opts.Line, Buffer: cmp.Or(l.opts.Buffer, defaultBuffer)}
	if err := l.opts.Server.gives(c.LeaseTime); err != nil {
		return c, fmt.Errorf("lease time %s: %w", c.LeaseTime, err)
	}
	for _, f := range l.opts.Faults {
		if err := l.add(&c, f); err != nil {
			return c, err
		}
	}
	return c, nil
}

// add adds f to c if this lab can do it.
func (l *Lab) add(c *fault.Conditions, f Fault) error {
	k, err := f.Kind()
	if err != nil {
		return err
	}
	if k.Builtin && l.opts.Server != Builtin {
		return fmt.Errorf("fault %s: %s cannot do that, set lab.server to builtin", f, l.opts.Server)
	}
	next := *c
	if err := f.Apply(&next); err != nil {
		return err
	}
	if next.Pool != c.Pool && next.Pool > l.room() {
		return fmt.Errorf("fault %s: only %d addresses fit in %s", f, l.room(), l.opts.Subnet)
	}
	if err := l.opts.Server.gives(next.LeaseTime); err != nil {
		return fmt.Errorf("fault %s: %w", f, err)
	}
	if k.Name == "buffer" && next.Line == (fault.Line{}) {
		return fmt.Errorf("fault %s: the lab's line has no rate, so nothing waits for it: say first how fast it is (line 20/5 Mbit/s)", f)
	}
	*c = next
	return nil
}

// Room is how many addresses a subnet has for clients: all but the first ten, for
// the network, the router and hosts with fixed addresses, and broadcast.
func Room(subnet netip.Prefix) int { return 1<<(32-subnet.Bits()) - firstHost - 1 }

func (l *Lab) room() int { return Room(l.opts.Subnet) }

// behave takes the router from how it behaves now to how it is to behave.
func (l *Lab) behave(next fault.Conditions) error {
	was := l.now
	l.now = next
	errs := []error{l.setIPv6(next), l.server.obey(next)}
	if next.InternetDown != was.InternetDown {
		errs = append(errs, l.plug("wan", !next.InternetDown))
	}
	if next.IPv6InternetDown != was.IPv6InternetDown {
		errs = append(errs, l.setIPv6Internet(next))
	}
	if next.Loss != was.Loss || next.Delay != was.Delay {
		errs = append(errs, setGate(&l.gate, l.internet, everything, next.Loss, next.Delay))
	}
	if next.DelayPings != was.DelayPings {
		errs = append(errs, setGate(&l.pings, l.router, echoReplies, 0, next.DelayPings))
	}
	if next.Line != was.Line || next.Buffer != was.Buffer {
		errs = append(errs, l.setLine(next))
	}
	if next.FirstClientOnly != was.FirstClientOnly {
		errs = append(errs, setStarving(l.router, next.FirstClientOnly))
	}
	if next.RogueDHCP != was.RogueDHCP || next.RogueRaces != was.RogueRaces || next.RogueFaster != was.RogueFaster {
		errs = append(errs, l.setRogue(next))
	}
	if next.Squatters != was.Squatters {
		errs = append(errs, l.setSquatters(next.Squatters))
	}
	if next.RogueRA != was.RogueRA {
		errs = append(errs, l.setRogueRouter(next.RogueRA))
	}
	if next.DuplicateIPv6 != was.DuplicateIPv6 {
		errs = append(errs, l.setHoarder(next.DuplicateIPv6))
	}
	if next.FewNeighbours != was.FewNeighbours {
		errs = append(errs, setNeighbours(l.router, next.FewNeighbours))
	}
	return errors.Join(errs...)
}

// setGate builds the gate at where, changes it or takes it away.
func setGate(where **gate, ns *namespace.NS, diverted []diversion, loss float64, delay time.Duration) (err error) {
	switch {
	case loss > 0 || delay > 0:
		if *where == nil {
			if *where, err = buildGate(ns, diverted); err != nil {
				return fmt.Errorf("lose or delay packets: %w", err)
			}
		}
		(*where).set(loss, delay)
	case *where != nil:
		defer func() { *where = nil }()
		return (*where).remove()
	}
	return nil
}

// setRogue lets a rogue server in, in place of the one that is there, if any.
func (l *Lab) setRogue(c fault.Conditions) (err error) {
	if l.rogue != nil {
		err = l.rogue.leave()
		l.rogue = nil
	}
	if !c.RogueDHCP || err != nil {
		return err
	}
	if l.rogue, err = l.letRogueIn(c); err != nil {
		return fmt.Errorf("rogue DHCP server: %w", err)
	}
	return nil
}

// end takes away what faults have added to the lab.
func (l *Lab) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return errors.Join(setGate(&l.gate, l.internet, everything, 0, 0), setGate(&l.pings, l.router, echoReplies, 0, 0), l.setRogue(fault.Conditions{}), l.setSquatters(0), l.setRogueRouter(false), l.setHoarder(false))
}
