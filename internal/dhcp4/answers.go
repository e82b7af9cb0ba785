package dhcp4

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/remark"
)

// hear sorts a message that belongs to the one under way.
func (c *Client) hear(a *answer) {
	if a.OpCode != dhcpv4.OpcodeBootReply {
		return
	}
	server := packets.Addr4(a.ServerIdentifier())
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

// Server is a DHCP server that a client has heard.
type Server struct {
	Addr    netip.Addr   // option 54; invalid when it does not say who it is
	MAC     string       // from which its frames come, a relay's perhaps
	Address netip.Prefix // that its first answer gives, if it is of use,
	Gateway netip.Addr   // and the gateway in that answer
	Offers  int
}

func (s Server) String() string {
	if !s.Addr.IsValid() {
		return fmt.Sprintf("one that does not say who it is (MAC %s)", s.MAC)
	}
	return fmt.Sprintf("%s (MAC %s)", s.Addr, s.MAC)
}

// met keeps who answers.
func (c *Client) met(a *answer, server netip.Addr) {
	mac := a.from.String()
	i := slices.IndexFunc(c.servers, func(s Server) bool { return s.Addr == server && s.MAC == mac })
	const mostServers = 16
	if i < 0 && len(c.servers) < mostServers {
		i = len(c.servers)
		l, _, err := parseLease(a.DHCPv4)
		if err != nil {
			l.Address = netip.Prefix{}
		}
		c.servers = append(c.servers, Server{Addr: server, MAC: mac, Address: l.Address, Gateway: l.Gateway})
	}
	if i >= 0 && a.MessageType() == dhcpv4.MessageTypeOffer {
		c.servers[i].Offers++
	}
}

// note remarks what can be seen of an answer by itself.
func (c *Client) note(a *answer, server netip.Addr) {
	same := func(h heard) bool { return h.server == server && h.kind == a.MessageType() }
	i := slices.IndexFunc(c.heard, same)
	c.met(a, server)
	const mostHeard = 16
	if i < 0 && len(c.heard) < mostHeard {
		if a.MessageType() == dhcpv4.MessageTypeOffer && slices.ContainsFunc(c.heard, func(h heard) bool { return h.kind == a.MessageType() }) {
			c.remarks.Add("more than one DHCP server offers addresses", "", "%s (MAC %s) and %s", server, a.from, c.heard[0].server)
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
			c.remarks.Add("answers come more than once", "", "from %s", server)
		}
	}
	if !a.Options.Has(dhcpv4.OptionClientIdentifier) {
		c.remarks.Add("answers without the client identifier (option 61)", "6842 §3", "from %s", server)
	}
}

// Remark is something that a server did wrong, or that should be known of it,
// and that the client survived.
type Remark = remark.Remark
