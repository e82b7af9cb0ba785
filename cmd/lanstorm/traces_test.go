package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
)

// compareTraces remembers the state of the machine (traces), or fails when it
// is no longer the one remembered (! traces changed).
func compareTraces(ts *testscript.TestScript, neg bool, args []string) {
	now, err := machineState()
	ts.Check(err)
	if !neg {
		ts.Check(os.WriteFile(ts.MkAbs("traces"), []byte(now), 0o644))
		return
	}
	before := ts.ReadFile(ts.MkAbs("traces"))
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(now, "\n")); diff != "" {
		ts.Fatalf("the machine is not as it was (-before +after):\n%s", diff)
	}
}

// machineState is what `ip netns`, `ip link`, `ip address`, `ip route`, `ls
// /etc/netns`, `cat /etc/resolv.conf` and `sysctl net` would tell, and more.
func machineState() (string, error) {
	var b strings.Builder
	links, err := netlink.LinkList()
	if err != nil {
		return "", err
	}
	for _, l := range links {
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return "", err
		}
		a := l.Attrs()
		fmt.Fprintln(&b, "link", a.Index, a.Name, l.Type(), a.HardwareAddr, a.Flags&^net.FlagRunning, a.MTU, a.Promisc, addrs)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&b, "routes", routes)
	for _, dir := range []string{"/run/netns", "/etc/netns", "/run/lanstorm", "/proc/sys/net", "/etc/resolv.conf"} {
		if err := describeTree(&b, dir); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// describeTree writes the names below root, with the content of plain files.
func describeTree(b *strings.Builder, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() || strings.HasPrefix(path, "/run/netns/") || volatile[filepath.Base(path)] {
			fmt.Fprintln(b, path)
			return nil
		}
		content, _ := os.ReadFile(path) // some settings can only be written
		fmt.Fprintln(b, path, strings.Fields(string(content)))
		return nil
	})
}

// volatile settings are readings, not settings.
var volatile = map[string]bool{"nf_conntrack_count": true}
