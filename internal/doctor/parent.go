package doctor

import (
	"path"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/netmgr"
)

// link returns the path of what sysfs says of the interface.
func (e *exam) link(attribute string) string {
	return path.Join("sys/class/net", e.Interface, attribute)
}

// checkParent looks whether clients could hang from the interface.
func (e *exam) checkParent() Check {
	links, err := e.links()
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	link, why, remedy := netmgr.JudgeParent(e.root, e.Interface, links)
	if link != nil && !e.sysShows(link.Attrs()) {
		return problem("start this with `ip netns exec`, or mount it anew: sudo unshare --mount sh -c 'mount -t sysfs sysfs /sys && lanstorm ...'",
			"%s is there, but /sys is not mounted or shows the links of another network namespace", e.Interface)
	}
	if why != "" {
		return problem(remedy, "%s %s", e.Interface, why)
	}
	e.parent = link
	e.known[fitParent] = true
	return ok("%s is Ethernet (%s, MTU %d)", e.Interface, link.Attrs().HardwareAddr, link.Attrs().MTU)
}

// sysShows reports whether /sys is of the network namespace in which the link is:
// it shows that in which it was mounted, where another may have the same name.
func (e *exam) sysShows(a *netlink.LinkAttrs) bool {
	index, errIndex := machine.Number(e.root, e.link("ifindex"))
	mac, errMAC := machine.Line(e.root, e.link("address"))
	sameMAC := errMAC == nil && mac == a.HardwareAddr.String() || a.HardwareAddr == nil // as it is when all zeros
	return errIndex == nil && index == a.Index && sameMAC
}

func (e *exam) checkLink() Check {
	if why, remedy := netmgr.Unplugged(e.parent); why != "" {
		return problem(remedy, "%s %s", e.Interface, why)
	}
	e.known[hasCarrier] = true
	if e.parent.Attrs().OperState == netlink.OperDormant {
		return warning("look at what the port waits for, for example 802.1X", "%s has a carrier but is dormant", e.Interface)
	}
	return ok("%s is up and has a carrier", e.Interface)
}

// checkSpeed reads what the ports at both ends of the cable agreed upon.
func (e *exam) checkSpeed() Check {
	speed, err := machine.Number(e.root, e.link("speed")) // Mb/s; -1 or an error when not known
	if err != nil || speed <= 0 {
		return skipped("the driver of %s does not tell", e.Interface)
	}
	duplex, _ := machine.Line(e.root, e.link("duplex"))
	const remedy = "look at the cable and at the settings of the router's port"
	switch {
	case duplex == "half":
		return warning(remedy, "%d Mb/s, half duplex: collisions will look like the router's losses", speed)
	case speed < 100:
		return warning(remedy, "%d Mb/s, for all clients together", speed)
	}
	return ok("%d Mb/s, for all clients together", speed)
}
