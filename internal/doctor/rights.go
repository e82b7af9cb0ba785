package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/machine"
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
	told := fields(status, ":")
	ids := strings.Fields(told["Uid"]) // real, effective, saved, file system
	if len(ids) < 2 {
		return 0, 0, errors.New("/proc/self/status names no user")
	}
	if uid, err = strconv.Atoi(ids[1]); err != nil {
		return 0, 0, fmt.Errorf("/proc/self/status: Uid: %w", err)
	}
	if caps, err = strconv.ParseUint(told["CapEff"], 16, 64); err != nil {
		return 0, 0, fmt.Errorf("/proc/self/status: CapEff: %w", err)
	}
	return uid, caps, nil
}

// fields reads lines of a name, the separator and a value.
func fields(text []byte, separator string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, separator); found {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return values
}

// checkFolders looks whether a run can write down what it makes, in /run, and
// give clients their resolv.conf, in /etc/netns.
func (e *exam) checkFolders() Check {
	for _, dir := range []string{"/run", "/etc", "/etc/netns"} {
		err := e.access(dir, unix.W_OK) // for root it fails when the disk is read-only, or the folder immutable
		if err != nil && !(errors.Is(err, unix.ENOENT) && dir == "/etc/netns") {
			return problem("make it writable (a read-only system: sudo mount -o remount,rw /; a container: a tmpfs on "+dir+")",
				"%s cannot be written to: %v", dir, err)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs("/run", &fs); err != nil {
		return skipped("cannot be told: %v", err)
	}
	const some, each, files = 256 << 10, 1 << 10, 64
	need := uint64(some + each*e.Clients)
	// A file system that knows no such limit says 0 of it. Some blocks are for
	// root alone, as we are.
	switch free := fs.Bfree * uint64(fs.Bsize); {
	case fs.Blocks > 0 && free < need:
		return problem("remove something there (sudo du -x /run | sort -n; sudo "+machine.Program()+" clean)", "/run is full: %d KiB are free, of %d that are needed", free>>10, need>>10)
	case fs.Files > 0 && fs.Ffree < files:
		return problem("remove something there (sudo du -x --inodes /run | sort -n; sudo "+machine.Program()+" clean)", "/run is full: there is room for %d more files", fs.Ffree)
	}
	return ok("/run and /etc can be written to")
}
