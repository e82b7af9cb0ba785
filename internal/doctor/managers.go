package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lanstorm/lanstorm/internal/machine"
)

// claim is what a manager of networks says of one interface.
type claim int

const (
	unclear claim = iota // it runs, and does not tell
	managed
	unmanaged
)

// managers configure the interfaces of a host by themselves.
var managers = []struct {
	name    string
	process string // at most 15 bytes, see comm in proc_pid_comm(5)
	release string // how to make it leave an interface alone
	claims  func(root fs.FS, link string, index int) claim
}{
	{"NetworkManager", "NetworkManager", "sudo nmcli device set %s managed no",
		claimsIn("run/NetworkManager/devices/%d", "managed", "false")}, // which it keeps for its own restart
	{"dhcpcd", "dhcpcd", `add "denyinterfaces %s" to /etc/dhcpcd.conf and sudo systemctl restart dhcpcd`, dhcpcdClaims},
	{"systemd-networkd", "systemd-network", "set Unmanaged=yes for %s in its .network file and sudo networkctl reload",
		claimsIn("run/systemd/netif/links/%d", "ADMIN_STATE", "unmanaged")}, // for networkctl(1)
}

// checkManagers looks who else configures the interface. One manager is as it
// should be: it cares for the host's own address. It cannot touch clients,
// whose links come into being inside their namespaces, where it does not look;
// a test watches that the host's namespace never hears of them.
func (e *exam) checkManagers() Check {
	running := processes(e.root)
	index, err := machine.Number(e.root, e.link("ifindex"))
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	var all, maybe []string
	var release string
	for _, m := range managers {
		if !running[m.process] {
			continue
		}
		switch m.claims(e.root, e.Interface, index) {
		case managed:
			all = append(all, m.name)
			release = fmt.Sprintf(m.release, e.Interface)
		case unclear:
			maybe = append(maybe, m.name)
		}
	}
	const outside = "clients are out of its sight, in namespaces of their own"
	switch {
	case len(all) > 1:
		return warning("leave it to one: "+release, "%s manage %s at the same time, and may undo each other's settings",
			strings.Join(all, " and "), e.Interface)
	case len(all) == 1 && maybe == nil:
		return ok("%s manages %s for this host; %s", all[0], e.Interface, outside)
	case maybe != nil:
		return ok("%s may manage %s for this host; %s", strings.Join(append(all, maybe...), " and "), e.Interface, outside)
	}
	return ok("none of NetworkManager, dhcpcd and systemd-networkd manages %s", e.Interface)
}

// processes are the names of all programs that run.
func processes(root fs.FS) map[string]bool {
	names := map[string]bool{}
	files, _ := fs.Glob(root, "proc/[0-9]*/comm")
	for _, file := range files {
		if name, err := machine.Line(root, file); err == nil {
			names[name] = true
		}
	}
	return names
}

// claimsIn reads a key of a file about an interface, by its index.
func claimsIn(file, key, not string) func(root fs.FS, _ string, index int) claim {
	return func(root fs.FS, _ string, index int) claim {
		text, _ := fs.ReadFile(root, fmt.Sprintf(file, index))
		switch fields(text, "=")[key] {
		case "":
			return unclear
		case not:
			return unmanaged
		}
		return managed
	}
}

// dhcpcdClaims reads dhcpcd.conf(5), and where dhcpcd(8) keeps its process
// id: one file when it manages all interfaces, else one for each.
func dhcpcdClaims(root fs.FS, link string, _ int) claim {
	conf, _ := fs.ReadFile(root, "etc/dhcpcd.conf")
	allowed := true
	for line := range strings.Lines(string(conf)) {
		words := strings.Fields(strings.ReplaceAll(line, ",", " "))
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "denyinterfaces":
			if matches(words[1:], link) {
				return unmanaged
			}
		case "allowinterfaces":
			allowed = matches(words[1:], link)
		}
	}
	if !allowed {
		return unmanaged
	}
	for _, file := range []string{"run/dhcpcd/pid", "run/dhcpcd.pid",
		"run/dhcpcd/" + link + ".pid", "run/dhcpcd/" + link + "-4.pid", "run/dhcpcd-" + link + ".pid"} {
		if _, err := fs.Stat(root, file); err == nil {
			return managed
		}
	}
	return unclear
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		matched, _ := path.Match(p, name)
		return matched
	})
}
