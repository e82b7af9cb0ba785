package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// guestOf is on the host's side of the LAN, unlike the rogue server.
func guestOf(parent string) string { return parent + "-guest" }

// Guest connects a host that needs no lease: a namespace whose link, lan, has
// the third address of the LAN. There is one at a time. leave disconnects it,
// and must be called before Close.
func (l *Lab) Guest() (ns *namespace.NS, leave func() error, err error) {
	if ns, err = namespace.CreateMarked(guestOf(l.Parent), l.opts.Journal.Mark(), namespace.IPv4); err != nil {
		return nil, nil, err
	}
	leave = func() error { return errors.Join(ns.DeleteLinks(), ns.Delete()) }
	if err := l.Join(ns, netip.PrefixFrom(nth(l.opts.Subnet.Addr(), 3), l.opts.Subnet.Bits())); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("guest: %w", err), leave())
	}
	return ns, leave, nil
}

// Join makes ns a host of the LAN with these addresses, by a macvlan called lan on
// the host's side. It and clients do not hear one another.
func (l *Lab) Join(ns *namespace.NS, addrs ...netip.Prefix) error {
	return addHost(&netlink.Handle{}, l.Parent, ns, nil, netlink.MACVLAN_MODE_PRIVATE, addrs...)
}
