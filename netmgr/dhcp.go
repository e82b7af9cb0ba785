package netmgr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/journal"
)

// NoOfferError says that no DHCP server offered an address in time.
type NoOfferError struct {
	Timeout time.Duration
	Sent    int   // DISCOVERs
	Refused error // why the last OFFER that came was of no use, if one came
}

func (e *NoOfferError) Error() string {
	if e.Refused != nil {
		return fmt.Sprintf("no usable OFFER in %s (%d DISCOVERs sent; %v)", e.Timeout, e.Sent, e.Refused)
	}
	return fmt.Sprintf("no OFFER in %s (%d DISCOVERs sent)", e.Timeout, e.Sent)
}

// firstWait is how long a message waits for its answer before it is sent
// again; each further wait is twice as long (RFC 2131 §4.1, which starts at
// four seconds: on the LAN of a test bench an answer takes milliseconds).
const firstWait = time.Second

// exchange is one client's attempt to get a lease: DISCOVER, OFFER, REQUEST,
// ACK (RFC 2131 §4.4.1). It sends by broadcast, having no address, and is
// answered by either broadcast or unicast.
type exchange struct {
	send    func(msg []byte) error // broadcasts
	answers <-chan []byte          // DHCP messages to the client
	mac     net.HardwareAddr
	options []dhcpv4.Modifier // of every message
	timeout time.Duration
	offered func(Lease) error        // called before an OFFER is taken; may be nil
	resent  func(lastSent time.Time) // called when a message must be sent again; may be nil
	full    func()                   // called when a queue on the way out is full; may be nil

	start, end time.Time
	asked      time.Time // when the last REQUEST was first sent
	refused    error     // why the last answer was of no use
}

func (b *bringUp) acquireLease(c *Client, ctx context.Context) (err error) {
	if b.window != nil {
		if err := b.window.enter(ctx); err != nil {
			return err
		}
		defer func() { b.window.leave(c.Timings.Lease) }()
	}
	m, err := c.openMouth()
	if err != nil {
		return err
	}
	defer m.Close()
	x := exchange{
		send:    m.say,
		answers: b.ear.answers(c),
		mac:     c.MAC,
		options: c.identify(),
		timeout: c.m.opts.DHCPTimeout,
		offered: c.expectLease,
		resent: func(lastSent time.Time) {
			c.Timings.Resent++
			if b.window != nil {
				b.window.lost(lastSent)
			}
		},
		full: func() { c.m.strain.noBuffers.Add(1) },
	}
	lease, err := x.run(ctx)
	c.Timings.Asked = x.start
	if err != nil {
		return err
	}
	c.Lease = lease
	c.Timings.Lease = lease.Acquired.Sub(x.start)
	c.Timings.Offer, c.Timings.Ack = x.asked.Sub(x.start), lease.Acquired.Sub(x.asked)
	return nil
}

// expectLease is told of the offer that the client is about to request. From
// then on the server may hold a lease for the client, even if the client never
// hears of it, and the lease must be given back.
func (c *Client) expectLease(offer Lease) error {
	c.Lease, c.leased = offer, true
	return c.m.opts.Journal.Record(journal.Entry{Lease: &journal.Lease{
		Client: c.number, Address: offer.Address, Server: offer.Server,
	}})
}

// identify is what a client says of itself in every message, and what it would
// like to know.
func (c *Client) identify() []dhcpv4.Modifier {
	return []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptHostName(c.Name)),
		dhcpv4.WithOption(dhcpv4.OptClassIdentifier(c.m.opts.VendorClass)),
		dhcpv4.WithOption(c.clientID()),
		dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(uint16(min(c.m.parent.MTU, 1500)))),
		// Option 121 must stand before option 3 (RFC 3442).
		dhcpv4.WithOption(dhcpv4.OptParameterRequestList(
			dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter,
			dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList,
			dhcpv4.OptionInterfaceMTU, dhcpv4.OptionIPAddressLeaseTime,
			dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue)),
	}
}

// clientID is option 61: hardware type and address (RFC 2132 §9.14).
func (c *Client) clientID() dhcpv4.Option {
	const ethernet = 1
	return dhcpv4.OptClientIdentifier(append([]byte{ethernet}, c.MAC...))
}

// run tries until it has a lease or the time is over. A NAK sends it back to
// the beginning.
func (x *exchange) run(ctx context.Context) (Lease, error) {
	x.start = time.Now()
	x.end = x.start.Add(x.timeout)
	for {
		discover, err := dhcpv4.NewDiscovery(x.mac, x.options...)
		if err != nil {
			return Lease{}, err
		}
		offer, sent, err := x.ask(ctx, discover, dhcpv4.MessageTypeOffer)
		if err != nil {
			return Lease{}, err
		}
		if offer == nil {
			return Lease{}, &NoOfferError{Timeout: x.timeout, Sent: sent, Refused: x.refused}
		}
		if x.offered != nil {
			if err := x.offered(*offer); err != nil {
				return Lease{}, err
			}
		}
		request, err := dhcpv4.NewRequestFromOffer(offer.ack, x.options...)
		if err != nil {
			return Lease{}, err
		}
		x.asked = time.Now()
		lease, sent, err := x.ask(ctx, request, dhcpv4.MessageTypeAck)
		switch {
		case errors.Is(err, errNAK) && time.Until(x.end) > 2*firstWait: // the pause, and then time for an answer
			if err := sleep(ctx, jitter(firstWait)); err != nil {
				return Lease{}, err
			}
			continue
		case err != nil:
			return Lease{}, err
		case lease == nil && x.refused != nil:
			return Lease{}, fmt.Errorf("no usable ACK in %s for the offered %s (%d REQUESTs sent; %w)", x.timeout, offer.Address.Addr(), sent, x.refused)
		case lease == nil:
			return Lease{}, fmt.Errorf("no ACK in %s for %s, which %s had offered (%d REQUESTs sent)", x.timeout, offer.Address.Addr(), offer.Server, sent)
		}
		lease.Acquired = time.Now()
		return *lease, nil
	}
}

var errNAK = errors.New("refused by NAK")

// ask sends msg, again and again with growing waits, until an answer of the
// wanted type comes that is fit for use. It returns nil without an error when
// the time is over, and how many times it sent. A NAK is an error.
func (x *exchange) ask(ctx context.Context, msg *dhcpv4.DHCPv4, wanted dhcpv4.MessageType) (lease *Lease, sent int, err error) {
	x.refused = nil
	var last time.Time
	for wait := firstWait; time.Now().Before(x.end); wait *= 2 {
		if sent > 0 && x.resent != nil {
			x.resent(last)
		}
		msg.NumSeconds = uint16(time.Since(x.start).Seconds())
		last = time.Now()
		if err := x.transmit(ctx, msg); err != nil {
			return nil, sent, fmt.Errorf("send %s: %w", msg.MessageType(), err)
		}
		sent++
		until := time.Now().Add(jitter(wait))
		if until.After(x.end) {
			until = x.end
		}
		lease, err := x.receive(ctx, msg, wanted, until)
		if lease != nil || err != nil {
			return lease, sent, err
		}
	}
	return nil, sent, nil
}

// transmit broadcasts msg. A full queue on the way out (macvlan's, or the
// parent's) is our own haste and not the router's fault: wait and try again.
func (x *exchange) transmit(ctx context.Context, msg *dhcpv4.DHCPv4) error {
	wire := msg.ToBytes()
	for {
		err := x.send(wire)
		ours := errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EAGAIN)
		if !ours || time.Now().After(x.end) {
			return err
		}
		if x.full != nil {
			x.full()
		}
		if err := sleep(ctx, jitter(10*time.Millisecond)); err != nil {
			return err
		}
	}
}

// receive waits for the answer to msg, nil when none comes in time.
func (x *exchange) receive(ctx context.Context, msg *dhcpv4.DHCPv4, wanted dhcpv4.MessageType, until time.Time) (*Lease, error) {
	over := time.NewTimer(time.Until(until))
	defer over.Stop()
	for {
		var wire []byte
		select {
		case wire = <-x.answers:
		case <-over.C:
			return nil, nil
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // even if an answer came as well
			return nil, context.Cause(ctx)
		}
		answer, err := dhcpv4.FromBytes(wire)
		if err != nil {
			x.refused = fmt.Errorf("an answer is not DHCP: %w", err)
			continue
		}
		if answer.OpCode != dhcpv4.OpcodeBootReply || answer.TransactionID != msg.TransactionID {
			continue // to an earlier question
		}
		if answer.MessageType() == dhcpv4.MessageTypeNak && wanted == dhcpv4.MessageTypeAck {
			return nil, fmt.Errorf("%w from %s%s", errNAK, answer.ServerIdentifier(), quoted(answer.Message()))
		}
		if answer.MessageType() != wanted {
			continue
		}
		lease, err := parseLease(answer)
		if err != nil {
			x.refused = fmt.Errorf("an %s was refused: %w", wanted, err)
			continue
		}
		if chosen := addr4(msg.ServerIdentifier()); wanted == dhcpv4.MessageTypeAck && lease.Server != chosen {
			x.refused = fmt.Errorf("an ACK was refused: it is from %s, and %s was asked", lease.Server, chosen)
			continue
		}
		return &lease, nil
	}
}

// jitter spreads d by a quarter either way, so that clients which collided
// once do not collide again.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2)
}

// sleep waits for d, or for the end of ctx, whose cause it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func quoted(message string) string {
	if message == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", message)
}
