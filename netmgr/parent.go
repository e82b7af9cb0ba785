package netmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// netDir is where sysfs shows the links of a network namespace, see
// Documentation/ABI/testing/sysfs-class-net of the kernel.
const netDir = "sys/class/net"

// Links are all links of this network namespace.
func Links() ([]netlink.Link, error) {
	links, err := netlink.LinkList()
	if errors.Is(err, netlink.ErrDumpInterrupted) { // one came or went meanwhile
		err = nil
	}
	return links, err
}

// findParent looks the parent link up and refuses one that cannot carry clients.
func findParent(name string) (a netlink.LinkAttrs, err error) {
	links, err := Links()
	if err != nil {
		return a, err
	}
	link, why, remedy := JudgeParent(os.DirFS("/"), name, links)
	if why == "" {
		why, remedy = Unplugged(link)
	}
	if why != "" {
		return a, refuse("interface %s %s; %s", name, why, remedy)
	}
	return *link.Attrs(), nil
}

// JudgeParent finds the link called name among all links. It says why no clients
// could hang on it, whether it is up or not (macvlan_port_create of macvlan.c, and
// what access points put up with), and what to do; both are empty when they could.
// root is the machine's file system. The link is nil when there is none.
func JudgeParent(root fs.FS, name string, links []netlink.Link) (link netlink.Link, why, remedy string) {
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == name })
	if i < 0 {
		return nil, "is not there", otherParent(root, name, links)
	}
	link = links[i]
	switch {
	case wireless(root, name):
		return link, "is wireless, and an access point takes only one MAC address from a station", otherParent(root, name, links)
	case !ethernet(link):
		return link, fmt.Sprintf("is not Ethernet (%s), which macvlans need", link.Attrs().EncapType), otherParent(root, name, links)
	}
	why, remedy = obstacle(link, links)
	return link, why, remedy
}

// Unplugged says why a link carries nothing, and what to do; both are empty when
// it does.
func Unplugged(link netlink.Link) (why, remedy string) {
	a := link.Attrs()
	switch {
	case a.Flags&net.FlagUp == 0:
		return "is down", fmt.Sprintf("sudo ip link set %s up", a.Name)
	case a.RawFlags&unix.IFF_LOWER_UP == 0: // the state of RFC 2863 is late, and not every driver knows it
		return "has no carrier", "plug in the cable to the router, and check the router's port"
	}
	return "", ""
}

// otherParent names the links that could be used instead: those with hardware
// behind them or, where there are none, all that would do.
func otherParent(root fs.FS, name string, links []netlink.Link) string {
	var fit, real []string
	for _, l := range links {
		other := l.Attrs().Name
		if other == name || wireless(root, other) || !ethernet(l) {
			continue
		}
		fit = append(fit, other)
		if exists(root, other, "device") {
			real = append(real, other)
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
	return exists(root, name, "phy80211") || exists(root, name, "wireless")
}

func exists(root fs.FS, link, attribute string) bool {
	_, err := fs.Stat(root, path.Join(netDir, link, attribute))
	return err == nil
}

func ethernet(link netlink.Link) bool {
	return link.Attrs().EncapType == "ether" && link.Attrs().Flags&net.FlagLoopback == 0
}

// obstacle says what other links keep clients from hanging on one, though it is
// Ethernet, and what to do; both are empty when none does.
func obstacle(link netlink.Link, links []netlink.Link) (why, remedy string) {
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
