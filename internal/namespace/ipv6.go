package namespace

import (
	"bytes"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Speaks is what links that are made in a namespace speak.
type Speaks bool

const (
	IPv4 Speaks = false // and nothing else: they stay silent on IPv6, link-local chatter included
	Dual Speaks = true  // IPv6 too, as a host with the kernel's defaults does (ip-sysctl.rst)
)

// set makes it the default of the thread's namespace.
func (s Speaks) set() error {
	if s == IPv4 {
		return setDefault("disable_ipv6", "1")
	}
	if silenced() {
		if err := setDefault("disable_ipv6", "0"); err != nil {
			return err
		}
	}
	// Routes to other networks than the default, as those of RFC 4191, are the one
	// thing that a kernel does not take from a router unless it is told to.
	return setDefault("accept_ra_rt_info_max_plen", "64")
}

// silenced reports whether new namespaces are silent on IPv6 by what this machine was
// told: at boot (ipv6.disable_ipv6), or as they take after its own.
var silenced = sync.OnceValue(func() bool {
	boot, _ := os.ReadFile("/sys/module/ipv6/parameters/disable_ipv6")
	inherit, _ := os.ReadFile("/proc/sys/net/core/devconf_inherit_init_net")
	return bytes.HasPrefix(boot, []byte("1")) || bytes.HasPrefix(inherit, []byte("1")) || bytes.HasPrefix(inherit, []byte("3"))
})

// setDefault sets what links to come have. A kernel without the key lacks what it is
// about.
func setDefault(key, value string) error {
	fd, err := ownProc.open("sys/net/ipv6/conf/default/" + key)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: key, Err: err}
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// ownProc is a procfs of this process alone, mounted nowhere. In the one at
// /proc every namespace that was looked at leaves an entry of the same name in
// /proc/sys/net, and to find one the kernel compares them all (proc_sysctl.c):
// with 4000 namespaces it takes a millisecond each time. So now and then we
// take a new one, which has no entries yet.
var ownProc scratchProc

type scratchProc struct {
	mu   sync.Mutex
	root int // descriptor
	uses int
}

// procUses is how many namespaces one procfs is good for.
const procUses = 64

// open opens a file, as the thread's namespace has it, for writing.
func (p *scratchProc) open(path string) (fd int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uses%procUses == 0 {
		if p.uses > 0 {
			unix.Close(p.root)
			p.uses = 0
		}
		if p.root, err = mountProc(); err != nil { // before Linux 5.2, or in a container
			return unix.Open("/proc/"+path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		}
	}
	p.uses++
	return unix.Openat(p.root, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
}

// mountProc returns the root of a new procfs (fsopen(2)).
func mountProc() (root int, err error) {
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
}
