package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/netmgr"
)

// netDir is where sysfs shows the links of a network namespace, see
// Documentation/ABI/testing/sysfs-class-net of the kernel.
const netDir = "sys/class/net"

// link returns the path of what sysfs says of the interface.
func (e *exam) link(attribute string) string { return path.Join(netDir, e.Interface, attribute) }

// checkParent looks whether macvlans could hang from the interface
// (macvlan_port_create of macvlan.c, and what access points put up with).
func (e *exam) checkParent() Check {
	name := e.Interface
	links, err := e.links()
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == name })
	if i < 0 {
		return problem(e.otherParent(links), "there is no interface %q", name)
	}
	if !e.sysShows(*links[i].Attrs()) {
		return problem("start this with `ip netns exec`, or mount it anew: sudo unshare --mount sh -c 'mount -t sysfs sysfs /sys && lanstorm ...'",
			"%s is there, but /sys is not mounted or shows the links of another network namespace", name)
	}
	switch {
	case wireless(e.root, name):
		return problem(e.otherParent(links), "%s is wireless, and an access point takes only one MAC address from a station", name)
	case !ethernet(e.root, name):
		return problem(e.otherParent(links), "%s is not Ethernet, which macvlans need", name)
	}
	if why, remedy := netmgr.Obstacle(links[i], links); why != "" {
		return problem(remedy, "%s %s", name, why)
	}
	e.known[fitParent] = true
	mac, _ := readLine(e.root, e.link("address"))
	mtu, _ := readLine(e.root, e.link("mtu"))
	return ok("%s is Ethernet (%s, MTU %s)", name, mac, mtu)
}

// sysShows reports whether /sys is of the network namespace in which the link is:
// it shows that in which it was mounted, where another may have the same name.
func (e *exam) sysShows(a netlink.LinkAttrs) bool {
	index, errIndex := readNumber(e.root, e.link("ifindex"))
	mac, errMAC := readLine(e.root, e.link("address"))
	sameMAC := errMAC == nil && mac == a.HardwareAddr.String() || a.HardwareAddr == nil // as it is when all zeros
	return errIndex == nil && index == a.Index && sameMAC
}

// otherParent names the interfaces that could be used instead: those with
// hardware behind them or, where there are none, all that would do.
func (e *exam) otherParent(links []netlink.Link) string {
	var fit, real []string
	for _, l := range links {
		name := l.Attrs().Name
		if name == e.Interface || wireless(e.root, name) || !ethernet(e.root, name) {
			continue
		}
		fit = append(fit, name)
		if exists(e.root, path.Join(netDir, name, "device")) {
			real = append(real, name)
		}
	}
	if real != nil {
		fit = real
	}
	if fit == nil {
		return "this machine has no interface that would do: connect one, or use --interface lab"
	}
	return "use a wired interface: --interface " + strings.Join(fit, ", or ")
}

func wireless(root fs.FS, name string) bool {
	return exists(root, path.Join(netDir, name, "phy80211")) || exists(root, path.Join(netDir, name, "wireless"))
}

func ethernet(root fs.FS, name string) bool {
	kind, err := readNumber(root, path.Join(netDir, name, "type"))
	flags, errFlags := readFlags(root, name)
	return err == nil && errFlags == nil && kind == unix.ARPHRD_ETHER && flags&unix.IFF_LOOPBACK == 0
}

// readFlags are the IFF_ flags of netdevice(7).
func readFlags(root fs.FS, name string) (uint64, error) {
	text, err := readLine(root, path.Join(netDir, name, "flags"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 0, 64)
}

func (e *exam) checkLink() Check {
	flags, err := readFlags(e.root, e.Interface)
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	if flags&unix.IFF_UP == 0 {
		return problem(fmt.Sprintf("sudo ip link set %s up", e.Interface), "%s is down", e.Interface)
	}
	// A driver that does not know its state says "unknown" (RFC 2863, sysfs).
	state, err := readLine(e.root, e.link("operstate"))
	carrier, errCarrier := readLine(e.root, e.link("carrier"))
	if err != nil && errCarrier != nil {
		return skipped("cannot be told: %v", err)
	}
	if slices.Contains([]string{"down", "lowerlayerdown", "notpresent"}, state) || carrier == "0" {
		return problem("plug in the cable to the router, and check the router's port", "%s has no carrier", e.Interface)
	}
	e.known[hasCarrier] = true
	if state == "dormant" {
		return warning("look at what the port waits for, for example 802.1X", "%s has a carrier but is dormant", e.Interface)
	}
	return ok("%s is up and has a carrier", e.Interface)
}

// checkSpeed reads what the ports at both ends of the cable agreed upon.
func (e *exam) checkSpeed() Check {
	speed, err := readNumber(e.root, e.link("speed")) // Mb/s; -1 or an error when not known
	if err != nil || speed <= 0 {
		return skipped("the driver of %s does not tell", e.Interface)
	}
	duplex, _ := readLine(e.root, e.link("duplex"))
	const remedy = "look at the cable and at the settings of the router's port"
	switch {
	case duplex == "half":
		return warning(remedy, "%d Mb/s, half duplex: collisions will look like the router's losses", speed)
	case speed < 100:
		return warning(remedy, "%d Mb/s, for all clients together", speed)
	}
	return ok("%d Mb/s, for all clients together", speed)
}
