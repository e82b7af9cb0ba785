package doctor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are those that clients need, see capabilities(7).
var capabilities = []struct {
	name string
	bit  int
}{
	{"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, // links, addresses, routes
	{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}, // namespaces and their names, which are mounts
	{"CAP_NET_RAW", unix.CAP_NET_RAW},     // DHCP and ping
}

// checkRights reads whom this process acts as from /proc/self/status, see
// proc_pid_status(5).
func (e *exam) checkRights() Check {
	uid, caps, err := readRights(e.root)
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	var all, missing []string
	for _, c := range capabilities {
		all = append(all, c.name)
		if caps&(1<<c.bit) == 0 {
			missing = append(missing, c.name)
		}
	}
	switch {
	case uid != 0:
		return problem("run this with sudo", "not root (user id %d)", uid)
	case missing != nil:
		return problem("in a container, add them (docker run --cap-add "+strings.Join(missing, " --cap-add ")+
			", or --privileged); or run this outside of it",
			"root, but without %s", strings.Join(missing, ", "))
	}
	e.known[isRoot] = true
	return ok("root, with %s", strings.Join(all, ", "))
}

func readRights(root fs.FS) (uid int, caps uint64, err error) {
	status, err := fs.ReadFile(root, "proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	fields := colonFields(status)
	ids := strings.Fields(fields["Uid"]) // real, effective, saved, file system
	if len(ids) < 2 {
		return 0, 0, errors.New("/proc/self/status names no user")
	}
	if uid, err = strconv.Atoi(ids[1]); err != nil {
		return 0, 0, fmt.Errorf("/proc/self/status: Uid: %w", err)
	}
	if caps, err = strconv.ParseUint(fields["CapEff"], 16, 64); err != nil {
		return 0, 0, fmt.Errorf("/proc/self/status: CapEff: %w", err)
	}
	return uid, caps, nil
}

// colonFields reads lines of the form "Name:   value".
func colonFields(text []byte) map[string]string {
	fields := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

func exists(root fs.FS, path string) bool {
	_, err := fs.Stat(root, path)
	return err == nil
}
