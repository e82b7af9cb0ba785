package netmgr

import (
	"net"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/dhcp6"
	"github.com/lanstorm/lanstorm/internal/wire"
)

// listen begins to listen on the parent.
func (m *NetworkManager) listen() (err error) {
	if m.line == nil {
		m.line, err = wire.Listen(m.parent, clientMAC(m.machine, 1), hearer{m, m.group, m.lan6.group})
	}
	return err
}

// hearer hands what is heard on the parent to whom it is for.
type hearer struct {
	*NetworkManager
	dhcp4 *dhcp4.Group
	dhcp6 *dhcp6.Group // nil: clients speak no IPv6
}

func (h hearer) Claimed(addr netip.Addr, owner net.HardwareAddr) {
	h.gateways.note(addr, owner)
	if n := h.asking.Load(); n == nil || !n.note(addr, owner.String()) {
		h.dhcp4.Claimed(addr, owner)
	}
}

func (h hearer) DHCP4(client [6]byte, msg []byte, from net.HardwareAddr) {
	h.dhcp4.Receive(client, msg, from)
}

func (h hearer) Damaged(client [6]byte, layer string) { h.dhcp4.Damaged(client, layer) }

func (h hearer) DHCP6(client [6]byte, msg []byte, from netip.Addr) {
	if h.dhcp6 != nil {
		h.dhcp6.Receive(client, msg, from)
	}
}

func (h hearer) Advertised(a wire.Advertisement) {
	switch {
	case h.dhcp6 == nil:
	case a.Dropped != "":
		h.lan6.routers.Refused(a.Router, a.Dropped)
	case h.lan6.routers.Hear(a.Router, a.MAC, a.Multicast, a.Message):
		h.advised()
	}
}

func (h hearer) Solicited(client [6]byte) {
	if c := h.heardBy6(client); c != nil {
		h.lan6.asks.Add(1)
		c.six.mu.Lock()
		defer c.six.mu.Unlock()
		if c.six.asks++; c.six.asks == 1 {
			c.six.asked = time.Now()
		}
	}
}
