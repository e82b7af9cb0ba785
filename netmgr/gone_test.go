package netmgr

import (
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// noMoreFiles keeps this process from opening anything, until the function is
// called that it returns.
func noMoreFiles(t *testing.T) (enough func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	enough = func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	t.Cleanup(enough)
	return enough
}

func TestAMacvlanIsNotGoneBecauseTheListCannotBeRead(t *testing.T) {
	nstest.Need(t)
	parent := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "goneparent", TxQLen: -1}, PeerName: "gonepeer"}
	if err := netlink.LinkAdd(parent); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(parent) })
	macvlan := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{
		Name: "gone0", ParentIndex: parent.Attrs().Index, TxQLen: -1, HardwareAddr: []byte{2, 0, 0, 0, 0, 9},
	}, Mode: netlink.MACVLAN_MODE_PRIVATE}
	for _, err := range []error{netlink.LinkAdd(macvlan), netlink.LinkSetUp(parent), netlink.LinkSetUp(macvlan)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := newNetworkManager(Options{}.withDefaults(), *parent.Attrs(), "test")
	m.host = &netlink.Handle{} // one that opens a socket for each request
	c := m.newClient(1)
	c.MAC, c.onParent = macvlan.HardwareAddr, true
	m.clients = []*Client{c}

	enough := noMoreFiles(t)
	done := make(chan error)
	go func() { done <- m.awaitGone() }()
	select {
	case <-done:
		t.Fatal("it was taken for gone")
	case <-time.After(100 * time.Millisecond):
	}
	enough()
	select {
	case <-done:
		t.Fatal("it was taken for gone once the list could be read")
	case <-time.After(100 * time.Millisecond):
	}
	if err := netlink.LinkDel(macvlan); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || c.onParent {
		t.Errorf("in the end: %v, on the parent: %v", err, c.onParent)
	}
}
