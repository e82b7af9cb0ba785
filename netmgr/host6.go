package netmgr

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/dhcp6"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// host6 does for a client what its DHCPv6 decides.
type host6 struct{ *Client }

var _ dhcp6.Host = host6{}

// Send sends from the client's link-local address (RFC 9915 §16).
func (h host6) Send(msg []byte) error {
	if h.six.sender == nil {
		from := h.LinkLocal()
		if !from.IsValid() {
			return errors.New("no link-local address")
		}
		var err error
		h.six.sender, err = h.newSender(unix.AF_INET6, func(fd int) error {
			return errors.Join(
				unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1),
				unix.Bind(fd, packets.Sockaddr(netip.AddrPortFrom(from, dhcpv6.DefaultClientPort))))
		})
		if err != nil {
			return err
		}
	}
	all := netip.AddrFrom16([16]byte(dhcpv6.AllDHCPRelayAgentsAndServers.To16()))
	return h.send(h.six.sender, netip.AddrPortFrom(h.zoned(all), dhcpv6.DefaultServerPort), msg)
}

// Granted writes down what is to be given back.
func (h host6) Granted(l dhcp6.Lease) error {
	h.six.mu.Lock()
	h.six.granted = journal.Lease6{Client: h.number, Address: l.Address, Server: hex.EncodeToString(l.ServerID), Until: l.End()}
	h.six.leased = true
	granted := h.six.granted
	h.six.mu.Unlock()
	return h.m.opts.Journal.Record(journal.Entry{Lease6: &granted})
}

func (h host6) Bound(l dhcp6.Lease) {
	h.m.opts.Leases(h.Name, fmt.Sprintf("has %s by DHCPv6 from %s for %s", l.Address, l.Server, l.Valid))
	h.have6(&l, l.Config)
}

func (h host6) Informed(c dhcp6.Config) { h.have6(nil, c) }

func (h host6) Lost(reason error) {
	h.m.opts.Leases(h.Name, "has no address by DHCPv6 any more: "+reason.Error())
	h.six.mu.Lock()
	h.six.granted, h.six.leased = journal.Lease6{Client: h.number}, false
	granted := h.six.granted
	h.six.mu.Unlock()
	_ = h.m.opts.Journal.Record(journal.Entry{Lease6: &granted}) // in doubt it is given back
	h.have6(nil, dhcp6.Config{})
}

// have6 makes the kernel follow, soon.
func (c *Client) have6(l *dhcp6.Lease, config dhcp6.Config) {
	c.six.mu.Lock()
	c.six.lease, c.six.config = l, config
	c.six.mu.Unlock()
	c.m.later((*Client).apply6, c)
}

// apply6 gives the kernel the address that the client has by DHCPv6, or takes it
// away. It is one address: which prefixes are on the link routers say (RFC 5942 §4).
func (c *Client) apply6() {
	c.applying.Lock()
	defer c.applying.Unlock()
	c.six.mu.Lock()
	want, have := c.six.lease, c.six.applied
	c.six.applied = want
	c.six.mu.Unlock()
	err := c.withNetlink(func() error {
		if have != nil && (want == nil || want.Address != have.Address) {
			err := c.nl.AddrDel(device(c.index), &netlink.Addr{IPNet: ipNet(single(have.Address))})
			if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return err
			}
		}
		if want == nil {
			return nil
		}
		return c.nl.AddrReplace(device(c.index), &netlink.Addr{
			IPNet:    ipNet(single(want.Address)),
			ValidLft: seconds(want.Valid, want.Acquired), PreferedLft: seconds(want.Preferred, want.Acquired),
		})
	})
	if err != nil {
		c.m.opts.Leases(c.Name, "tester: "+err.Error())
	}
	c.renameLocked()
}

// seconds is what is left of a lifetime of DHCPv6, as the kernel takes it.
func seconds(d time.Duration, since time.Time) int {
	const forever = math.MaxUint32 * time.Second // RFC 9915 §7.7
	if d >= forever {
		return 0
	}
	return secondsUntil(since.Add(d))
}

// releaseAll6 gives what clients have by DHCPv6 back to its servers. Who could not has
// it still.
func (m *NetworkManager) releaseAll6(ctx context.Context) error {
	var theirs []*dhcp6.Client
	for _, c := range m.clients {
		if c.ns == nil || c.six.dhcp == nil && !c.leased6() {
			continue
		}
		if c.six.dhcp == nil { // of a run that was adopted
			if err := m.reach6(); err != nil {
				return err
			}
			c.takeUp6()
		}
		theirs = append(theirs, c.six.dhcp) // what it has asked for may be granted yet
	}
	if theirs == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTime6)
	defer cancel()
	kept := m.lan6.group.Release(ctx, theirs...)
	for _, c := range m.clients {
		c.six.mu.Lock()
		c.six.leased = slices.Contains(kept, c.six.dhcp)
		c.six.mu.Unlock()
	}
	return nil
}

// leased6 reports whether a DHCPv6 server thinks that the client has something.
func (c *Client) leased6() bool {
	c.six.mu.Lock()
	defer c.six.mu.Unlock()
	return c.six.leased
}

// releaseTime6 is how long servers may take, of all RELEASEs together.
const releaseTime6 = 8 * time.Second

// reach6 begins to hear for clients of a run that was adopted.
func (m *NetworkManager) reach6() error {
	if m.line != nil {
		return nil
	}
	m.group, m.lan6.group = dhcp4.NewGroup(dhcp4.Options{}), dhcp6.NewGroup()
	return m.listen()
}

// takeUp6 makes a client of an adopted run able to give its lease back.
func (c *Client) takeUp6() {
	c.six.dhcp = c.m.lan6.group.Add(dhcp6.Identity{MAC: c.MAC}, host6{c})
	id, _ := hex.DecodeString(c.six.granted.Server)
	_ = c.withNetlink(func() error {
		link, err := c.nl.LinkByName(c.Link)
		if err != nil {
			return err
		}
		c.index = link.Attrs().Index
		list, err := c.nl.AddrList(device(c.index), netlink.FAMILY_V6)
		for _, a := range list {
			c.six.addrs = append(c.six.addrs, listed(a))
		}
		return err
	})
	c.m.lan6.group.Resume(c.six.dhcp, dhcp6.Lease{Address: c.six.granted.Address, ServerID: id})
}
