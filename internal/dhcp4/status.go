package dhcp4

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Status is what there is to tell of a client.
type Status struct {
	State    State
	Asked    time.Time     // when the first DISCOVER was sent
	Leased   time.Time     // when the first ACK came that was of use
	Offer    time.Duration // from Asked to the OFFER that was taken
	Ack      time.Duration // from the REQUEST to the ACK
	Sent     int           // DISCOVERs and REQUESTs for the lease
	Renewed  int           // how often the lease was extended: by its server, in time,
	Rebound  int           // after that had not answered, or by another,
	Verified int           // and after the link had been down
	Resent   int           // messages that were sent again for want of an answer
	Idle     bool          // it does nothing
	Missing  error         // why there is no lease; nil when there is one
	Reboot   *Reply        // to the REQUEST after the newest Reboot; nil when there is none, or not yet
	Servers  []Server      // that were heard
	Remarks  []Remark
	Declined map[netip.Addr]Decline // addresses granted that another host had
}

// Status tells of the client until now.
func (c *Client) Status() Status {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	t := c.told
	s := Status{
		State: c.state, Asked: t.first, Leased: t.acked, Offer: max(0, t.offered.Sub(t.first)), Ack: max(0, t.acked.Sub(t.asked)),
		Sent: t.discovers + t.requests, Resent: t.resent, Renewed: t.renewed, Rebound: t.rebound, Verified: t.verified,
		Idle: c.state == Init && c.place < 0, Reboot: t.reboot, Servers: slices.Clone(c.servers),
		Remarks: slices.Clone(c.remarks), Declined: maps.Clone(c.declined),
	}
	switch {
	case s.Idle:
		s.Missing = errors.New("it does not ask for an address")
	case !c.state.holds():
		s.Missing = c.whyNot(time.Since(c.began).Round(100 * time.Millisecond))
	}
	return s
}

// NoOfferError says that no DHCP server offered an address in time.
type NoOfferError struct {
	Timeout time.Duration
	Sent    int   // DISCOVERs
	Refused error // why the last OFFER that came was of no use, if one came
}

func (e *NoOfferError) Error() string {
	if e.Refused != nil {
		return fmt.Sprintf("no usable OFFER in %s (%s sent; %v)", e.Timeout, measure.Times(e.Sent, "DISCOVER"), e.Refused)
	}
	return fmt.Sprintf("no OFFER in %s (%s sent)", e.Timeout, measure.Times(e.Sent, "DISCOVER"))
}

// whyNot says why the client has no lease after so long: how far it got.
func (c *Client) whyNot(after time.Duration) error {
	t := c.told
	if c.state == Requesting {
		t.denied = fmt.Sprintf("%s, which %s had offered", c.lease.Address.Addr(), c.lease.Server)
	}
	switch {
	case c.state == Checking:
		return fmt.Errorf("it has been granted %s, and asks whether another host has that", c.lease.Address.Addr())
	case c.state == Rebooting:
		return fmt.Errorf("no answer to %s for the old address in %s", measure.Times(c.sends, "REQUEST"), after)
	case t.declines > 0:
		addr := slices.MinFunc(slices.Collect(maps.Keys(c.declined)), netip.Addr.Compare)
		return fmt.Errorf("no free address in %s (%s sent: %s is that of %s)", after, measure.Times(t.declines, "DECLINE"), addr, c.declined[addr].Holder)
	case t.nak != nil:
		return fmt.Errorf("%w (%s in %s)", t.nak, measure.Times(t.naks, "time"), after)
	case t.denied != "" && c.useless != nil:
		return fmt.Errorf("no usable ACK in %s for %s (%s sent; %w)", after, t.denied, measure.Times(t.requests, "REQUEST"), c.useless)
	case t.denied != "":
		return fmt.Errorf("no ACK in %s for %s (%s sent)", after, t.denied, measure.Times(t.requests, "REQUEST"))
	case t.first.IsZero() && c.unsent:
		return fmt.Errorf("not one DISCOVER could be sent in %s: a queue of this machine was full", after)
	case t.first.IsZero() && c.deadline.IsZero():
		return errors.New("it is about to ask again")
	case t.first.IsZero():
		return errors.New("its turn to ask did not come in " + after.String() + " (at most so many at a time, by the scenario or by dhcp.in_flight)")
	}
	return &NoOfferError{Timeout: after, Sent: t.discovers, Refused: c.useless}
}
