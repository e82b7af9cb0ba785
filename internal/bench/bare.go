package bench

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// bare is the least that n clients can cost: a loop that makes n namespaces,
// and a macvlan in each with one netlink message, and nothing else: no name,
// no mark, nothing is switched on or off, nobody has an address. It returns
// when the kernel has removed them again.
func (s *session) bare(l *lab.Lab, n int) (took time.Duration, err error) {
	if err := s.journal.Raise("user/max_net_namespaces", n+100); err != nil {
		return 0, err
	}
	if err := allowDescriptors(n + 256); err != nil {
		return 0, err
	}
	parent, err := netlink.LinkByName(l.Parent)
	if err != nil {
		return 0, err
	}
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer host.Close()
	made := make([]netns.NsHandle, 0, n)
	err = elsewhere(func() error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		for range n {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			made = append(made, ns)
			err = host.LinkAdd(&netlink.Macvlan{
				LinkAttrs: netlink.LinkAttrs{Name: "macvlan", ParentIndex: parent.Attrs().Index, Namespace: netlink.NsFd(ns), TxQLen: -1},
				Mode:      netlink.MACVLAN_MODE_BRIDGE,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, ns := range made {
		_ = ns.Close() // the last that keeps it
	}
	return took, errors.Join(err, awaitNamespaces(len(made)))
}

// elsewhere runs do on a thread that may go to other namespaces, and that
// comes home afterwards or dies. It is never the main thread, which stands for
// the process in /proc.
func elsewhere(do func() error) (err error) {
	home, err := netns.Get()
	if err != nil {
		return err
	}
	defer home.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err = elsewhere(do)
			runtime.UnlockOSThread()
			return
		}
		if err = do(); netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	return err
}

// goneTime is how long the kernel may take to remove namespaces.
const goneTime = time.Minute

// awaitNamespaces waits until n namespaces that nobody uses any more are gone.
// Nothing tells of them, but the kernel removes namespaces in the order in
// which they were let go of (cleanup_net in net_namespace.c), so it waits for a
// veth pair that goes with one more.
func awaitNamespaces(n int) error {
	const name = "lanstorm-bare"
	var last netns.NsHandle
	err := elsewhere(func() (err error) {
		last, err = netns.New()
		return err
	})
	if err != nil {
		return err
	}
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, TxQLen: -1}, PeerName: "peer", PeerNamespace: netlink.NsFd(last)}
	if err := errors.Join(netlink.LinkAdd(pair), last.Close()); err != nil {
		return err
	}
	for end := time.Now().Add(goneTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := netlink.LinkByName(name); errors.As(err, new(netlink.LinkNotFoundError)) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%d namespaces are still there after %s", n, goneTime), netlink.LinkDel(pair))
}

// allowDescriptors raises this process's own limit of open files.
func allowDescriptors(least int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= uint64(least) {
		return err
	}
	raised := unix.Rlimit{Cur: uint64(least), Max: max(limit.Max, uint64(least))}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf("%d open files: %w", least, err)
	}
	return nil
}
