package namespace

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/prometheus/procfs"
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
	mounts, err := procfs.GetMounts()
	return err == nil && slices.ContainsFunc(mounts, func(m *procfs.MountInfo) bool { return m.MountPoint == path })
}

// registry prepares Dir with this process's first namespace, and restores it
// with the last.
var registry dirUse

type dirUse struct {
	mu     sync.Mutex
	users  int
	before DirState
}

func (d *dirUse) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 {
		d.before = CurrentDirState()
		if err := prepareDir(); err != nil {
			return err
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
		d.before.restore()
	}
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
