package netmgr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
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
	conn    net.PacketConn
	mac     net.HardwareAddr
	options []dhcpv4.Modifier // of every message
	timeout time.Duration
	offered func(Lease) error // called before an OFFER is taken; may be nil

	start, end time.Time
	refused    error // why the last answer was of no use
}

func (c *Client) acquireLease(ctx context.Context) error {
	conn, err := c.listenDHCP()
	if err != nil {
		return err
	}
	defer conn.Close()
	// A deadline in the past wakes up a read that waits.
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	x := exchange{conn: conn, mac: c.MAC, options: c.identify(), timeout: c.m.opts.DHCPTimeout, offered: c.expectLease}
	lease, err := x.run(ctx)
	if err != nil {
		return err
	}
	c.Lease = lease
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

// listenDHCP opens a packet socket on the client's link that hears nothing but
// DHCP answers to this client: without the filter every client's socket would
// wake up for every other client's broadcasts.
func (c *Client) listenDHCP() (net.PacketConn, error) {
	filter, err := bpf.Assemble(answersTo(c.MAC))
	if err != nil {
		return nil, err
	}
	var conn *packet.Conn
	err = c.ns.Do(func() error {
		conn, err = packet.Listen(c.iface(), packet.Datagram, unix.ETH_P_IP, &packet.Config{Filter: filter})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return nclient4.NewBroadcastUDPConn(conn, &net.UDPAddr{Port: dhcpv4.ClientPort}), nil
}

// answersTo accepts IPv4 packets that carry UDP to the DHCP client port and
// have mac as chaddr. Offsets count from the IPv4 header, as the filter of a
// SOCK_DGRAM packet socket sees them (af_packet.c).
func answersTo(mac net.HardwareAddr) []bpf.Instruction {
	const (
		flagsAndFragment = 6
		protocol         = 9
		udpDestination   = 2
		chaddr           = 8 + 28 // behind the UDP header (RFC 2131 §2)
	)
	high := uint32(mac[0])<<24 | uint32(mac[1])<<16 | uint32(mac[2])<<8 | uint32(mac[3])
	low := uint32(mac[4])<<8 | uint32(mac[5])
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: protocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 10},
		bpf.LoadAbsolute{Off: flagsAndFragment, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 8},
		bpf.LoadMemShift{Off: 0}, // X = length of the IPv4 header
		bpf.LoadIndirect{Off: udpDestination, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpv4.ClientPort, SkipTrue: 5},
		bpf.LoadIndirect{Off: chaddr, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: high, SkipTrue: 3},
		bpf.LoadIndirect{Off: chaddr + 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: low, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
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
	for wait := firstWait; time.Now().Before(x.end); wait *= 2 {
		msg.NumSeconds = uint16(time.Since(x.start).Seconds())
		if err := x.send(ctx, msg); err != nil {
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

// send broadcasts msg. A full queue on the way out (macvlan's, or the
// parent's) is our own haste and not the router's fault: wait and try again.
func (x *exchange) send(ctx context.Context, msg *dhcpv4.DHCPv4) error {
	to := &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ServerPort}
	for {
		_, err := x.conn.WriteTo(msg.ToBytes(), to)
		if !errors.Is(err, unix.ENOBUFS) || time.Now().After(x.end) {
			return err
		}
		if err := sleep(ctx, jitter(10*time.Millisecond)); err != nil {
			return err
		}
	}
}

// receive waits for the answer to msg, nil when none comes in time.
func (x *exchange) receive(ctx context.Context, msg *dhcpv4.DHCPv4, wanted dhcpv4.MessageType, until time.Time) (*Lease, error) {
	if err := x.conn.SetReadDeadline(until); err != nil {
		return nil, err
	}
	buf := make([]byte, 1<<16)
	for {
		if ctx.Err() != nil { // its deadline may have come before ours was set
			return nil, context.Cause(ctx)
		}
		n, _, err := x.conn.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("receive: %w", err)
		}
		answer, err := dhcpv4.FromBytes(buf[:n])
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
