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
	if ns, err = namespace.CreateMarked(guestOf(l.Parent), l.opts.Journal.Mark()); err != nil {
		return nil, nil, err
	}
	leave = func() error { return errors.Join(ns.DeleteLinks(), ns.Delete()) }
	if err := l.connectGuest(ns); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("guest: %w", err), leave())
	}
	return ns, leave, nil
}

func (l *Lab) connectGuest(ns *namespace.NS) error {
	h, err := ns.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	host, err := netlink.NewHandle(netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	defer host.Close()
	parent, err := host.LinkByName(l.Parent)
	if err != nil {
		return err
	}
	// Clients need not hear the guest, nor it them.
	if err := addMacvlan(host, parent, ns, nil, netlink.MACVLAN_MODE_PRIVATE); err != nil {
		return err
	}
	return bringUp(h, "lan", []netip.Prefix{netip.PrefixFrom(nth(l.opts.Subnet.Addr(), 3), l.opts.Subnet.Bits())})
}
