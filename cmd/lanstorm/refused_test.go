package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// What cannot work is refused before anything is made, in a line that says what
// to do.
func TestAStartThatCannotWork(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	attrs := func(name string, parent int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Name: name, ParentIndex: parent, TxQLen: -1}
	}
	add := func(links ...netlink.Link) {
		t.Helper()
		for _, l := range links {
			if err := netlink.LinkAdd(l); err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkSetUp(l); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { netlink.LinkDel(l) })
		}
	}
	bridge := &netlink.Bridge{LinkAttrs: attrs("br7", 0)}
	port := &netlink.Veth{LinkAttrs: attrs("port7", 0), PeerName: "below7"}
	taken := &netlink.Veth{LinkAttrs: attrs("taken7", 0), PeerName: "guest7"}
	add(bridge, port, taken)
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	below, err := netlink.LinkByName("below7")
	if err != nil {
		t.Fatal(err)
	}
	add(&netlink.Macvlan{LinkAttrs: attrs("upper7", below.Attrs().Index), Mode: netlink.MACVLAN_MODE_BRIDGE},
		&netlink.Macvlan{LinkAttrs: attrs("pass7", taken.Attrs().Index), Mode: netlink.MACVLAN_MODE_PASSTHRU})

	for _, tt := range []struct{ name, before, parent, want string }{
		{"on a macvlan", "", "upper7",
			"lanstorm: interface: upper7 is itself a link of kind macvlan, so clients on it get no answers; use the link below it: --interface below7\n"},
		{"on a port of a bridge", "", "port7",
			"lanstorm: interface: port7 belongs to the bridge br7, so no macvlan can be made on it; use the bridge: --interface br7\n"},
		{"beside a macvlan in mode passthru", "", "taken7",
			"lanstorm: interface: taken7 is taken by pass7, a macvlan in mode passthru, beside which the kernel allows no other; "},
		{"with a read-only /etc", "mount --bind /etc /etc && mount -o remount,bind,ro /etc", "lab",
			"lanstorm: folders: /etc cannot be written to: read-only file system; make it writable "},
		{"with a full /run", "mount -t tmpfs -o size=16k small /run && head -c 16k /dev/zero >/run/ballast", "lab",
			"lanstorm: folders: /run is full: 0 KiB are free, "},
		{"with the /sys of another network namespace", "ip link add inner7 type veth peer outer7", "inner7",
			"lanstorm: interface: inner7 is there, but /sys is not mounted or shows the links of another network namespace; start this with `ip netns exec`, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd, output := lanstorm(t, "run", "--interface", tt.parent, "f.feature")
			if tt.before != "" { // in mounts, and perhaps a network, that go with the process
				words := []string{"unshare", "--mount"}
				if tt.parent == "inner7" {
					words = append(words, "--net")
				}
				words = append(words, "bash", "-c", tt.before+` && exec -a lanstorm "$0" "$@"`, mustExecutable(t))
				cmd.Path, cmd.Args = mustFind(t, "unshare"), append(words, cmd.Args[1:]...)
			}
			before := steadyState(t)
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(output.String(), tt.want) || strings.Count(output.String(), "\n") != 1 {
				t.Errorf("exit code %d, want 2 and %q:\n%s", code, tt.want, output)
			}
			if diff := cmp.Diff(before, steadyState(t)); diff != "" {
				t.Errorf("it left (-before +after):\n%s", diff)
			}
		})
	}
}

// steadyState leaves out what the kernel still changes after a link was made.
func steadyState(t *testing.T) (state []string) {
	for _, line := range mustState(t) {
		if words := strings.Fields(line); len(words) > 3 && words[0] == "link" {
			line = strings.Join(words[:3], " ")
		}
		if !strings.HasPrefix(line, "routes") {
			state = append(state, line)
		}
	}
	return state
}

func mustFind(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skip(err)
	}
	return path
}

func mustExecutable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
