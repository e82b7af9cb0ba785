package namespace

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// loopback is the index of the first link of every namespace.
const loopback = 1

// mark is what CreateMarked gave the namespace, empty when it did not make it.
func (n *NS) mark() (string, error) {
	h, err := n.Netlink()
	if err != nil {
		return "", err
	}
	defer h.Close()
	lo, err := h.LinkByIndex(loopback)
	if err != nil {
		return "", err
	}
	return lo.Attrs().Alias, nil
}

// OpenMarked opens the namespace called name if it carries mark, and is nil
// without an error when there is none that does.
func OpenMarked(name, mark string) (*NS, error) {
	ns, err := Open(name)
	if err == nil {
		var found string
		if found, err = ns.mark(); err == nil && found == mark {
			return ns, nil
		}
		ns.Close()
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) { // a file on which none is mounted
		err = nil
	}
	return nil, err
}

// Marked are the names of the namespaces that carry mark.
func Marked(mark string) (names []string) {
	paths, _ := filepath.Glob(filepath.Join(Dir, "*"))
	for _, path := range paths {
		if ns, err := OpenMarked(filepath.Base(path), mark); err == nil && ns != nil {
			names = append(names, ns.Name())
			ns.Close()
		}
	}
	return names
}

// RemoveStub takes away a name whose maker died before it stood for anything.
func RemoveStub(name string) error {
	path := filepath.Join(Dir, name)
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || fs.Type == unix.NSFS_MAGIC {
		return nil
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
		return nil
	}
	return os.Remove(path)
}

// DeleteLinks removes every link of the namespace but loopback. When it
// returns the kernel has none of them any more, nor the far ends of veths.
func (n *NS) DeleteLinks() error {
	h, err := n.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Attrs().Index == loopback {
			continue
		}
		err := h.LinkDel(l)
		// Tunnels that the kernel puts into every namespace cannot be deleted.
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}
