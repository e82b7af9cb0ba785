package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strconv"
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
	claims  func(root fs.FS, link string, index int) claim
	release string // how to make it leave an interface alone
}{
	{"NetworkManager", "NetworkManager", networkManagerClaims, "sudo nmcli device set %s managed no"},
	{"dhcpcd", "dhcpcd", dhcpcdClaims, `add "denyinterfaces %s" to /etc/dhcpcd.conf and sudo systemctl restart dhcpcd`},
	{"systemd-networkd", "systemd-network", networkdClaims, "set Unmanaged=yes for %s in its .network file and sudo networkctl reload"},
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
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return names
	}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		if name, err := machine.Line(root, path.Join("proc", entry.Name(), "comm")); err == nil {
			names[name] = true
		}
	}
	return names
}

// networkManagerClaims reads the state that NetworkManager keeps of each
// device, by index, for its own restart.
func networkManagerClaims(root fs.FS, _ string, index int) claim {
	switch assignments(root, fmt.Sprintf("run/NetworkManager/devices/%d", index))["managed"] {
	case "true":
		return managed
	case "false":
		return unmanaged
	}
	return unclear
}

// networkdClaims reads what systemd-networkd tells networkctl(1).
func networkdClaims(root fs.FS, _ string, index int) claim {
	switch assignments(root, fmt.Sprintf("run/systemd/netif/links/%d", index))["ADMIN_STATE"] {
	case "":
		return unclear
	case "unmanaged":
		return unmanaged
	}
	return managed
}

// dhcpcdClaims reads dhcpcd.conf(5), and where dhcpcd(8) keeps its process
// id: one file when it manages all interfaces, else one for each.
func dhcpcdClaims(root fs.FS, link string, _ int) claim {
	conf, _ := fs.ReadFile(root, "etc/dhcpcd.conf")
	allowed := true
	for lines := bufio.NewScanner(bytes.NewReader(conf)); lines.Scan(); {
		words := strings.FieldsFunc(lines.Text(), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
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
		if exists(root, file) {
			return managed
		}
	}
	return unclear
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if matched, err := path.Match(p, name); err == nil && matched {
			return true
		}
	}
	return false
}

// assignments reads the lines of a file that have the form name=value.
func assignments(root fs.FS, file string) map[string]string {
	text, _ := fs.ReadFile(root, file)
	return fields(text, "=")
}
