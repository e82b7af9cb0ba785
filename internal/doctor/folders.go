package doctor

import (
	"errors"

	"golang.org/x/sys/unix"
)

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
		return problem("remove something there (sudo du -x /run | sort -n; sudo lanstorm clean)", "/run is full: %d KiB are free, of %d that are needed", free>>10, need>>10)
	case fs.Files > 0 && fs.Ffree < files:
		return problem("remove something there (sudo du -x --inodes /run | sort -n; sudo lanstorm clean)", "/run is full: there is room for %d more files", fs.Ffree)
	}
	return ok("/run and /etc can be written to")
}
