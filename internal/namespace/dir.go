package namespace

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// DirState is how Dir was found. It must be a shared mount point, as
// ip-netns(8) makes it: otherwise somebody's later `ip netns add` would copy
// our mounts and keep our namespaces alive.
type DirState struct {
	Existed bool `json:"existed"`
	Mounted bool `json:"mounted"`
}

// CurrentDirState looks at Dir.
func CurrentDirState() DirState {
	_, err := os.Stat(Dir)
	return DirState{Existed: err == nil, Mounted: isMountPoint(Dir)}
}

// RestoreDirState undoes what it took to make Dir usable, unless somebody has
// namespaces there.
func RestoreDirState(s DirState) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	registry.users = 0 // whoever calls this knows better
	s.restore()
}

func (s DirState) restore() {
	// Each step fails, harmlessly, while Dir is in use.
	if !s.Mounted && unix.Unmount(Dir, 0) != nil && isMountPoint(Dir) {
		return
	}
	if !s.Existed {
		_ = os.Remove(Dir)
	}
}

func isMountPoint(path string) bool {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == path {
			return true
		}
	}
	return false
}

// registry prepares Dir with this process's first namespace, and restores it
// with the last.
var registry dirUse

type dirUse struct {
	mu     sync.Mutex
	users  int
	before DirState
	blank  *os.File // an empty file without a name; nil where there cannot be one
}

func (d *dirUse) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 {
		d.before = CurrentDirState()
		if err := prepareDir(); err != nil {
			return err
		}
		if fd, err := unix.Open(Dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o444); err == nil {
			d.blank = os.NewFile(uintptr(fd), "blank")
		}
	}
	d.users++
	return nil
}

func (d *dirUse) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 {
		return
	}
	if d.users--; d.users == 0 {
		if d.blank != nil {
			d.blank.Close()
			d.blank = nil
		}
		d.before.restore()
	}
}

// stub makes the file that a namespace will be mounted on. The name becomes
// ours or is somebody else's, never both: then the error is fs.ErrExist. One
// more name of a file that is there already costs a fraction of a file of its
// own, above all where /run is on a disk and thousands were deleted just now.
func (d *dirUse) stub(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blank != nil {
		err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", d.blank.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
		if err == nil || err == unix.EEXIST {
			return pathError("link", path, err)
		}
	}
	return pathError("mknod", path, unix.Mknod(path, unix.S_IFREG|0o444, 0))
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}

func prepareDir() error {
	if err := os.Mkdir(Dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	share := func() error { return unix.Mount("", Dir, "none", unix.MS_SHARED|unix.MS_REC, "") }
	err := share()
	if err == unix.EINVAL { // not a mount point yet
		if err = unix.Mount(Dir, Dir, "none", unix.MS_BIND|unix.MS_REC, ""); err == nil {
			err = share()
		}
	}
	if err != nil {
		return fmt.Errorf("make %s a shared mount: %w", Dir, err)
	}
	return nil
}
