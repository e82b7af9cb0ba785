package netmgr

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// When some of what the kernel says is lost, the watch still knows what it has in the
// end.
func TestAWatchThatOverflows(t *testing.T) {
	nstest.Need(t)
	m := newNetworkManager(Options{}.withDefaults(), netlink.LinkAttrs{}, "test")
	done, err := m.openHost()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	c := m.newClient(1)
	if c.ns, err = namespace.CreateMarked("overflow", "", namespace.Dual); err != nil {
		t.Fatal(err)
	}
	defer c.ns.Delete()
	if c.nl, err = c.ns.Netlink(); err != nil {
		t.Fatal(err)
	}
	defer c.closeNetlink()
	if c.nsid, err = m.netnsID(c.ns.FD()); err != nil {
		t.Fatal(err)
	}
	c.index = 1 // loopback, whose addresses nobody looks for elsewhere
	if err := c.nl.LinkSetUp(device(c.index)); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	w, err := watchAddresses(func(c *Client, a Address6, there bool) {
		<-read
		m.readdressed(c, a, there)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil { // the kernel's least
		t.Fatal(err)
	}
	w.add(c)
	c.six.settled = true // nothing follows
	addr := func(i byte) *netlink.Addr {
		return &netlink.Addr{IPNet: ipNet(single(netip.AddrFrom16([16]byte{0xfd, 15: i}))), Flags: unix.IFA_F_NODAD}
	}
	for i := range byte(100) { // all come, and all but the last go: what goes is lost
		if err := c.nl.AddrAdd(device(c.index), addr(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range byte(99) {
		if err := c.nl.AddrDel(device(c.index), addr(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	close(read)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if known := c.Global6(); len(known) == 1 && known[0].Addr() == netip.AddrFrom16([16]byte{0xfd, 15: 100}) {
			return
		}
	}
	t.Errorf("it knows of %v", c.addresses6())
}
