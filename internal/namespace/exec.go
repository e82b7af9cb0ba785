package namespace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Start starts cmd as `ip netns exec` would: inside the network namespace,
// with a /sys that shows it, and with the files of /etc/netns/<name> in place
// of those in /etc. KillPrograms ends it.
func (n *NS) Start(cmd *exec.Cmd) (err error) {
	t, err := n.tag()
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Environ(), t)
	OnLockedThread(func() {
		// A mount namespace is shared by the threads of a process and cannot
		// be given back, so this thread is left to die.
		if err = n.setns(); err == nil {
			err = n.privateMounts()
		}
		if err == nil {
			err = cmd.Start()
		}
	})
	return err
}

func (n *NS) privateMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	if err := unix.Mount("", "/", "none", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("detach mounts: %w", err)
	}
	if err := unix.Mount(n.name, "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	own := filepath.Join(EtcDir, n.name)
	files, err := os.ReadDir(own)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, f := range files {
		target := filepath.Join("/etc", f.Name())
		if err := unix.Mount(filepath.Join(own, f.Name()), target, "none", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", target, err)
		}
	}
	return nil
}

// EtcDir holds, for each namespace, a folder of files that programs inside see
// in place of those in /etc (ip-netns(8)).
const EtcDir = "/etc/netns"

// makerAttr is where a folder says who made it (xattr(7)), also after a loss of power: a
// file system that keeps a journal of its own writes it together with the folder.
const makerAttr = "trusted.lanstorm"

// SetMaker has a folder say who made it, where the file system can.
func SetMaker(dir, maker string) { _ = unix.Lsetxattr(dir, makerAttr, []byte(maker), 0) }

// Maker is who made a folder; empty when it does not say.
func Maker(dir string) string {
	text := make([]byte, 256)
	n, err := unix.Lgetxattr(dir, makerAttr, text)
	if err != nil {
		return ""
	}
	return string(text[:n])
}
