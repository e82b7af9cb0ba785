// Package namespace is the one door to Linux network namespaces
// (network_namespaces(7)). Nothing else in lanstorm calls setns or unshare; but
// for bench, which does so to compare.
//
// The rule is "open inside, use outside": a socket belongs for life to the
// namespace it was opened in, so a thread is borrowed only for the opening.
package namespace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Dir is where ip-netns(8) keeps the names of namespaces.
const Dir = "/run/netns"

// NS is a network namespace, visible to `ip netns list` if it has a name. It
// holds one file descriptor until Close or Delete. Its methods may be called from many
// goroutines, but not after Close or Delete.
type NS struct {
	name   string
	handle netns.NsHandle
	made   bool                           // by Create, in this process
	spare  atomic.Pointer[netlink.Handle] // for the first who asks for one
}

// Create makes a network namespace called name, empty but for a loopback
// interface that is down. It speaks IPv4. The error is fs.ErrExist when the name is taken.
func Create(name string) (*NS, error) { return CreateMarked(name, "", IPv4) }

// CreateMarked makes a namespace that carries mark, as the alias of its
// loopback interface, from the moment that it has a name: so that whoever
// finds it knows whose it is.
func CreateMarked(name, mark string, speaks Speaks) (ns *NS, _ error) {
	if name == "" || name == "." || name == ".." || strings.ContainsRune(name, '/') {
		return nil, fmt.Errorf("namespace %q: not a usable name", name)
	}
	err := registry.acquire()
	if err == nil {
		if ns, err = create(name, mark, speaks); err == nil {
			return ns, nil
		}
		registry.release()
	}
	return nil, fmt.Errorf("namespace %s: %w", name, err)
}

func create(name, mark string, speaks Speaks) (*NS, error) {
	path := filepath.Join(Dir, name)
	// The name becomes ours or is somebody else's, never both.
	if err := unix.Mknod(path, unix.S_IFREG|0o444, 0); err != nil {
		return nil, &os.PathError{Op: "mknod", Path: path, Err: err}
	}
	ns, err := unshare(name, speaks, func(h *netlink.Handle) error {
		lo := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: loopback}}
		if err := h.LinkSetAlias(lo, mark); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "none", unix.MS_BIND, "")
	})
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	ns.made = true
	return ns, nil
}

// Nameless makes a namespace that has no name: so neither other programs nor
// other runs come across it, and nothing but the descriptor keeps it alive.
// Should this process be killed, it goes, and the links in it go with it.
func Nameless() (*NS, error) {
	return unshare("(nameless)", IPv4, func(*netlink.Handle) error { return nil })
}

// unshare makes a namespace and calls finish in it.
func unshare(name string, speaks Speaks, finish func(*netlink.Handle) error) (*NS, error) {
	ns := &NS{name: name, handle: netns.None()}
	in := func() (err error) {
		ns.handle, err = netns.New()
		return err
	}
	err := enter(in, func(func() error) error {
		if err := speaks.set(); err != nil {
			return err
		}
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		ns.spare.Store(h)
		return finish(h)
	})
	if err != nil {
		_ = ns.Close()
		return nil, err
	}
	return ns, nil
}

// Open opens the existing namespace called name. The caller closes it.
func Open(name string) (*NS, error) {
	handle, err := netns.GetFromPath(filepath.Join(Dir, name))
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return &NS{name: name, handle: handle}, nil
}

// Exists reports whether a namespace called name is known to ip-netns(8).
func Exists(name string) bool {
	_, err := os.Lstat(filepath.Join(Dir, name))
	return err == nil
}

// Name is the name given to Create or Open.
func (n *NS) Name() string { return n.name }

// FD is the descriptor that netlink attributes such as IFLA_NET_NS_FD take. It
// is valid until Close or Delete.
func (n *NS) FD() int { return int(n.handle) }

// Close gives up the descriptor and leaves the namespace standing.
func (n *NS) Close() error {
	if h := n.spare.Swap(nil); h != nil {
		h.Close()
	}
	return n.handle.Close()
}

// Delete takes the name away and closes the descriptor. The kernel destroys
// the namespace, some time later, when no process or socket uses it any more:
// delete its links first if their absence must be certain. Delete may be called
// again.
func (n *NS) Delete() error {
	if err := n.Unname(); err != nil {
		return err
	}
	if err := n.Close(); err == nil && n.made { // the first successful Delete
		registry.release()
	}
	return nil
}

// Unname takes the name away and leaves the rest to Delete.
func (n *NS) Unname() error {
	path := filepath.Join(Dir, n.name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("namespace %s: unmount: %w", n.name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	return nil
}

// Netlink opens an rtnetlink(7) handle inside the namespace, for use anywhere.
// The caller closes it.
func (n *NS) Netlink() (h *netlink.Handle, err error) {
	if h := n.spare.Swap(nil); h != nil {
		return h, nil
	}
	err = n.Do(func() error {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", n.name, err)
	}
	return h, nil
}

// SetSysctl writes a setting of the namespace, such as "net/ipv4/ip_forward".
// The host's own settings are not touched.
func (n *NS) SetSysctl(key, value string) error {
	return n.Do(func() error { return os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0) })
}
