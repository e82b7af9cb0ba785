package netmgr

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// Links are all links of this network namespace.
func Links() ([]netlink.Link, error) {
	links, err := netlink.LinkList()
	if errors.Is(err, netlink.ErrDumpInterrupted) { // one came or went meanwhile
		err = nil
	}
	return links, err
}

// Obstacle says what other links keep clients from hanging on one, though it
// is Ethernet and up, and what to do; both are empty when none does.
func Obstacle(link netlink.Link, links []netlink.Link) (why, remedy string) {
	parent := link.Attrs()
	byIndex := map[int]netlink.Link{}
	for _, l := range links {
		byIndex[l.Attrs().Index] = l
	}
	switch kind := link.Type(); kind {
	case "macvlan", "macvtap", "ipvlan", "ipvtap":
		// The kernel hangs macvlans from the link below, where they cannot be heard.
		remedy = "run this where the link below it is: with docker run --network host, for instance"
		if below := byIndex[parent.ParentIndex]; below != nil && parent.NetNsID < 0 {
			remedy = "use the link below it: --interface " + below.Attrs().Name
		}
		return fmt.Sprintf("is itself a link of kind %s, so clients on it get no answers", kind), remedy
	}
	if master := byIndex[parent.MasterIndex]; master != nil && master.Type() != "vrf" { // which takes no frames
		return fmt.Sprintf("belongs to the %s %s, so no macvlan can be made on it", master.Type(), master.Attrs().Name),
			fmt.Sprintf("use the %s: --interface %s", master.Type(), master.Attrs().Name)
	}
	for _, l := range links {
		var mode netlink.MacvlanMode
		switch l := l.(type) {
		case *netlink.Macvlan:
			mode = l.Mode
		case *netlink.Macvtap:
			mode = l.Mode
		}
		if a := l.Attrs(); mode == netlink.MACVLAN_MODE_PASSTHRU && a.ParentIndex == parent.Index && a.NetNsID < 0 {
			return fmt.Sprintf("is taken by %s, a %s in mode passthru, beside which the kernel allows no other", a.Name, l.Type()),
				fmt.Sprintf("end what uses %s (a virtual machine?), or use another interface", a.Name)
		}
	}
	return "", ""
}
