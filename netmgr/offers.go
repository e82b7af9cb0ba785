package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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

// Twins asks by ARP for each of the 254 addresses around one, and returns the hosts
// with a MAC address that a client of this machine has, too. They are clients of a
// machine with the same identity, or of this one on another link. Those on the same
// link do not hear the question. The end of ctx ends it early.
func Twins(ctx context.Context, parent string, around netip.Addr) (hosts []string, err error) {
	m, err := New(Options{Parent: parent})
	if err != nil {
		return nil, err
	}
	err = m.withTrial(func(c *Client) error {
		defer m.closeLine(context.Background())
		if err := m.openLine(dhcp4.Options{OnlyAsks: true}); err != nil {
			return err
		}
		var questions []question
		for i := range byte(254) {
			addr := around.As4()
			addr[3] = i + 1
			questions = append(questions, question{c, netip.AddrFrom4(addr)})
		}
		owners, err := m.whoHas(ctx, questions, false)
		for _, q := range questions {
			for _, mac := range owners[q.addr] {
				if strings.HasPrefix(mac, c.MAC[:4].String()) {
					hosts = append(hosts, fmt.Sprintf("%s (MAC %s)", q.addr, mac))
				}
			}
		}
		return err
	})
	return hosts, err
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
