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
	parent, err := netlink.LinkByName(l.Parent)
	if err != nil {
		return err
	}
	// Clients need not hear the guest, nor it them.
	err = netlink.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{
			Name: "lan", ParentIndex: parent.Attrs().Index, Namespace: netlink.NsFd(ns.FD()), TxQLen: -1,
		},
		Mode: netlink.MACVLAN_MODE_PRIVATE,
	})
	if err != nil {
		return fmt.Errorf("macvlan: %w", err)
	}
	return bringUp(h, "lan", []netip.Prefix{netip.PrefixFrom(nth(l.opts.Subnet.Addr(), 3), l.opts.Subnet.Bits())})
}
