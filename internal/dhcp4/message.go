package dhcp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Identity is what a client says of itself.
type Identity struct {
	MAC         net.HardwareAddr // Ethernet
	HostName    string           // option 12
	VendorClass string           // option 60
	MaxSize     int              // option 57: the largest message that it takes, in bytes
}

// clientID is option 61: hardware type and address (RFC 2132 §9.14).
func (id Identity) clientID() dhcpv4.Option {
	const ethernet = 1
	return dhcpv4.OptClientIdentifier(append([]byte{ethernet}, id.MAC...))
}

// wishes are what a client would like to know. Option 121 must stand before
// option 3 (RFC 3442).
var wishes = dhcpv4.OptParameterRequestList(
	dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter,
	dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList,
	dhcpv4.OptionInterfaceMTU, dhcpv4.OptionIPAddressLeaseTime,
	dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue)

// message begins a message of a new transaction.
func (id Identity) message(t dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: id.MAC,
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
		Options: dhcpv4.Options{},
	}
	binary.BigEndian.PutUint32(m.TransactionID[:], rand.Uint32())
	m.UpdateOption(dhcpv4.OptMessageType(t))
	m.UpdateOption(id.clientID())
	return m
}

// question is a message that a server answers with options (RFC 2131 table 5).
func (id Identity) question(t dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m := id.message(t)
	m.UpdateOption(dhcpv4.OptHostName(id.HostName))
	m.UpdateOption(dhcpv4.OptClassIdentifier(id.VendorClass))
	m.UpdateOption(dhcpv4.OptMaxMessageSize(uint16(min(max(id.MaxSize, 576), 1500))))
	m.UpdateOption(wishes)
	return m
}

// decline tells the server that another host has the address (RFC 2131 §4.4.4).
func (id Identity) decline(l Lease) []byte {
	m := id.message(dhcpv4.MessageTypeDecline)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(l.Address.Addr().AsSlice()))
	m.UpdateOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice()))
	return m.ToBytes()
}

// Release gives a lease back, by unicast from its address (RFC 2131 §4.4.6).
// It is never answered.
func (id Identity) Release(address, server netip.Addr) []byte {
	m := id.message(dhcpv4.MessageTypeRelease)
	m.ClientIPAddr = address.AsSlice()
	m.UpdateOption(dhcpv4.OptServerIdentifier(server.AsSlice()))
	return m.ToBytes()
}

// Inform asks for options alone, from the address that the client has (RFC 2131
// §4.4.3). Answer reads a message, and returns nil when it is no answer to that.
func (id Identity) Inform(address netip.Addr) (msg []byte, answer func([]byte) *Informed) {
	m := id.question(dhcpv4.MessageTypeInform)
	m.ClientIPAddr = address.AsSlice()
	return m.ToBytes(), func(wire []byte) *Informed {
		a, err := parse(wire)
		if err != nil || a.TransactionID != m.TransactionID || a.OpCode != dhcpv4.OpcodeBootReply {
			return nil
		}
		return &Informed{
			Type: a.MessageType(), Yours: packets.Addr4(a.YourIPAddr),
			Leases:  a.Options.Has(dhcpv4.OptionIPAddressLeaseTime),
			Options: a.SubnetMask() != nil || len(a.Router()) > 0 || len(a.DNS()) > 0 || len(a.ClasslessStaticRoute()) > 0,
		}
	}
}

// Informed is the answer to an INFORM.
type Informed struct {
	Type    dhcpv4.MessageType
	Yours   netip.Addr // yiaddr
	Leases  bool       // it has a lease time (option 51)
	Options bool       // it has some of those that were asked for
}

// Check says what is against RFC 2131 §4.3.5.
func (i Informed) Check() error {
	switch {
	case i.Type != dhcpv4.MessageTypeAck:
		return fmt.Errorf("was answered by %s", i.Type)
	case i.Leases:
		return errors.New("the ACK has a lease time (option 51)")
	case i.Yours.IsValid() && !i.Yours.IsUnspecified():
		return fmt.Errorf("the ACK gives the address %s (yiaddr)", i.Yours)
	case !i.Options:
		return errors.New("the ACK has none of the options asked for")
	}
	return nil
}

// answer is a message from a server, read as far as a client needs it.
type answer struct {
	*dhcpv4.DHCPv4
	from net.HardwareAddr // who sent the frame
}

// Places in a DHCP message (RFC 2131 §2).
const (
	xidAt    = 4
	chaddrAt = 28
	snameAt  = 44
	fileAt   = 108
	cookieAt = 236
)

// parse reads a message, with the options that did not fit where they belong
// and stand in the fields for names (option 52, RFC 2132 §9.3; RFC 3396 §5).
func parse(wire []byte) (*dhcpv4.DHCPv4, error) {
	m, err := dhcpv4.FromBytes(wire)
	if err != nil {
		return nil, fmt.Errorf("an answer is not DHCP: %w", err)
	}
	overload := m.Options.Get(dhcpv4.OptionOptionOverload)
	if len(overload) != 1 {
		return m, nil
	}
	const file, sname = 1, 2
	for _, field := range []struct {
		bit   byte
		bytes []byte
	}{{file, wire[fileAt:cookieAt]}, {sname, wire[snameAt:fileAt]}} {
		if overload[0]&field.bit == 0 {
			continue
		}
		if err := m.Options.FromBytes(field.bytes); err != nil {
			return nil, fmt.Errorf("an answer is not DHCP: option 52: %w", err)
		}
	}
	return m, nil
}
