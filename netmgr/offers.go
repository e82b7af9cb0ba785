package netmgr

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// Server is a DHCP server that clients have heard.
type Server = dhcp4.Server

// Offers asks for an address on a link, as a client would, listens to who offers
// one, and takes none (RFC 2131 §3.1, steps 1 and 2), so no lease is used up. The
// end of ctx ends it early.
func Offers(ctx context.Context, parent string, listen time.Duration) (servers []Server, err error) {
	m, err := New(Options{Parent: parent})
	if err != nil {
		return nil, err
	}
	err = m.withTrial(func(c *Client) error {
		defer m.closeLine(context.Background())
		if err := m.openLine(dhcp4.Options{OnlyAsks: true}); err != nil {
			return err
		}
		c.dhcp = m.group.Add(c.identity(), host{c})
		m.group.Start(0, c.dhcp)
		err := packets.Pause(ctx, listen)
		servers = slices.DeleteFunc(c.Status().Servers, func(s Server) bool { return s.Offers == 0 })
		return err
	})
	slices.SortFunc(servers, func(a, b Server) int { return a.Addr.Compare(b.Addr) })
	return servers, err
}

// TryLink makes the link of a client on a parent that h knows, lets it join the
// others, and removes it.
func TryLink(h *netlink.Handle, parent *netlink.LinkAttrs) error {
	m := newNetworkManager(Options{}.withDefaults(), *parent, "")
	m.host = h
	return m.withTrial((*Client).join)
}

// withTrial calls do with a client whose number is 0: no client of a run has its MAC
// address. Nothing keeps it but a descriptor of this process.
func (m *NetworkManager) withTrial(do func(*Client) error) (err error) {
	done, err := m.openHost()
	if err != nil {
		return err
	}
	defer done()
	c := m.newClient(0)
	c.Name, c.Link = "lanstorm", "lanstorm"
	if c.ns, err = namespace.Nameless(); err != nil {
		return err
	}
	defer func() {
		c.closeSender()
		c.closeNetlink()
		err = errors.Join(err, c.ns.DeleteLinks(), c.ns.Close())
	}()
	if err := c.makeLink(); err != nil {
		return err
	}
	return do(c)
}
