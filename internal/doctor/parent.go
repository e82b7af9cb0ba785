package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
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
	if !fs.ValidPath(name) || strings.Contains(name, "/") || !exists(e.root, e.link("")) {
		return problem(e.otherParent(), "there is no interface %q", name)
	}
	switch {
	case wireless(e.root, name):
		return problem(e.otherParent(), "%s is wireless, and an access point takes only one MAC address from a station", name)
	case !ethernet(e.root, name):
		return problem(e.otherParent(), "%s is not Ethernet, which macvlans need", name)
	}
	for _, membership := range []struct{ sign, of string }{{"brport", "bridge"}, {"bonding_slave", "bond"}} {
		if !exists(e.root, e.link(membership.sign)) {
			continue
		}
		master, err := fs.ReadLink(e.root, e.link("master"))
		if err != nil {
			return problem("use the "+membership.of, "%s belongs to a %s, so no macvlan can be made on it", name, membership.of)
		}
		master = path.Base(master)
		return problem("use the "+membership.of+": --interface "+master,
			"%s belongs to the %s %s, so no macvlan can be made on it", name, membership.of, master)
	}
	e.known[fitParent] = true
	mac, _ := readLine(e.root, e.link("address"))
	mtu, _ := readLine(e.root, e.link("mtu"))
	return ok("%s is Ethernet (%s, MTU %s)", name, mac, mtu)
}

// otherParent names the interfaces that could be used instead: those with
// hardware behind them or, where there are none, all that would do.
func (e *exam) otherParent() string {
	links, err := fs.ReadDir(e.root, netDir)
	if err != nil {
		return "use a wired interface, or --interface lab"
	}
	var fit, real []string
	for _, l := range links {
		name := l.Name()
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
