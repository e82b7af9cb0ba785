package dhcp6

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
)

// Identity is what a client says of itself.
type Identity struct {
	MAC net.HardwareAddr // Ethernet
}

// duid is a DUID-LL (RFC 9915 §11.4): the same whenever the client comes back.
func (id Identity) duid() []byte {
	return dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: id.MAC}.ToBytes()
}

func (id Identity) iaid() [4]byte { return [4]byte(id.MAC[2:6]) }

// mostElapsed is the most that fits in the option for it (RFC 9915 §21.9).
const mostElapsed = 0xffff * 10 * time.Millisecond

// message begins a message of a new transaction: about a lease, if there is one, to a
// server or to all.
func (id Identity) message(t dhcpv6.MessageType, l *Lease, server []byte) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: t}
	var xid [4]byte
	binary.BigEndian.PutUint32(xid[:], rand.Uint32())
	copy(m.TransactionID[:], xid[:])
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: id.duid()})
	if server != nil {
		m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionServerID, OptionData: server})
	}
	m.AddOption(dhcpv6.OptElapsedTime(0))
	switch t {
	case dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeDecline, dhcpv6.MessageTypeRelease:
	case dhcpv6.MessageTypeInformationRequest:
		m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList, dhcpv6.OptionInformationRefreshTime))
	default:
		m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList))
	}
	if l != nil {
		m.AddOption(&dhcpv6.OptIANA{IaId: id.iaid(), Options: dhcpv6.IdentityOptions{Options: dhcpv6.Options{
			&dhcpv6.OptIAAddress{IPv6Addr: l.Address.AsSlice()},
		}}})
	}
	return m
}

// solicit asks for any address, at once if the server likes.
func (id Identity) solicit() *dhcpv6.Message {
	m := id.message(dhcpv6.MessageTypeSolicit, nil, nil)
	m.AddOption(&dhcpv6.OptIANA{IaId: id.iaid()})
	dhcpv6.WithRapidCommit(m)
	return m
}

// answer is a message from a server.
type answer struct {
	*dhcpv6.Message
	from   netip.Addr
	server []byte          // its DUID
	ia     *dhcpv6.OptIANA // the client's; nil: none
}

// leastDUID is the shortest DUID: a type and one byte (RFC 9915 §11.1).
const leastDUID = 3

// mostWire is the longest message that is read: what fits in an Ethernet frame. It
// bounds the number of options and their depth, whatever their parser makes of them.
const mostWire = 1500

// receive takes a message to the client, which is an event when it answers what
// is under way. Whatever else comes, and however much of it, costs little.
func (c *Client) receive(wire []byte, from netip.Addr) {
	const header = 4
	if c.msg == nil || len(wire) < header || dhcpv6.TransactionID(wire[1:header]) != c.msg.TransactionID {
		return
	}
	c.told.Heard = true
	e := onReply
	switch dhcpv6.MessageType(wire[0]) {
	case dhcpv6.MessageTypeAdvertise:
		e = onAdvertise
	case dhcpv6.MessageTypeReply:
	default:
		return
	}
	if table[c.state][e] == nil {
		return
	}
	a, err := c.parse(wire, from)
	if err != nil {
		c.refused = fmt.Errorf("an answer from %s cannot be used: %w", from, err)
		return
	}
	c.handle(e, a)
}

// parse reads an answer and what makes it one to the client (RFC 9915 §16.3, §16.10).
func (c *Client) parse(wire []byte, from netip.Addr) (*answer, error) {
	refuse := func(what, rfc string, err error) (*answer, error) {
		c.remarks.Add(what, rfc, "from %s: %v", from, err)
		return nil, err
	}
	a := &answer{Message: &dhcpv6.Message{MessageType: dhcpv6.MessageType(wire[0]), TransactionID: c.msg.TransactionID}, from: from}
	if len(wire) > mostWire {
		return refuse("an answer that is too long", "", fmt.Errorf("%d bytes", len(wire)))
	}
	if err := a.Options.FromBytesWithParser(wire[4:], c.option); err != nil {
		return refuse("an answer that cannot be read", "9915 §8", err)
	}
	if a.server = value(a.Options.GetOne(dhcpv6.OptionServerID)); len(a.server) < leastDUID {
		return refuse("an answer without the server identifier (option 2)", "9915 §16", errors.New("it does not say who it is"))
	}
	if id := value(a.Options.GetOne(dhcpv6.OptionClientID)); !bytes.Equal(id, c.id.duid()) {
		return refuse("an answer without the client's identifier (option 1)", "9915 §16", fmt.Errorf("it is for the client %x", id))
	}
	for _, ia := range a.Options.IANA() {
		switch {
		case ia.IaId != c.id.iaid():
			c.remarks.Add("a lease for another IAID than the client's", "9915 §21.4", "%x from %s", ia.IaId, from)
		case a.ia == nil:
			a.ia = ia
		}
	}
	return a, nil
}

// option reads what a client needs. A DUID is nothing but bytes (RFC 9915 §11), and what can
// be done without is left out when it makes no sense.
func (c *Client) option(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
	plain := &dhcpv6.OptionGeneric{OptionCode: code, OptionData: bytes.Clone(data)}
	switch code {
	case dhcpv6.OptionIANA, dhcpv6.OptionStatusCode:
		return dhcpv6.ParseOption(code, data)
	case dhcpv6.OptionPreference, dhcpv6.OptionInformationRefreshTime, dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList:
		o, err := dhcpv6.ParseOption(code, data)
		if err == nil {
			return o, nil
		}
		c.remarks.Add(fmt.Sprintf("an option that cannot be read (option %d)", code), "9915 §21", "%v", err)
		plain.OptionCode = 0
	}
	return plain, nil
}

func value(o dhcpv6.Option) []byte {
	if o == nil {
		return nil
	}
	return o.ToBytes()
}

// config is what a host can use of the options.
func (a *answer) config() (cfg Config) {
	for _, ip := range a.Options.DNS() {
		if d, ok := netip.AddrFromSlice(ip); ok && !d.IsUnspecified() && !d.IsMulticast() && !d.IsLoopback() {
			cfg.DNS = append(cfg.DNS, d)
		}
	}
	if list := a.Options.DomainSearchList(); list != nil {
		for _, l := range list.Labels {
			if name := dhcp4.DomainName(l); name != "" {
				cfg.Search = append(cfg.Search, name)
			}
		}
	}
	return cfg
}
