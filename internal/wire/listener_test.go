package wire

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// cable makes two links that are up and joined, and returns a socket on the
// second.
func cable(t *testing.T, near, far string) (netlink.LinkAttrs, *packet.Conn) {
	t.Helper()
	nstest.Need(t)
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near, TxQLen: -1}, PeerName: far}); err != nil {
		t.Fatal(err)
	}
	var ends []netlink.Link
	for _, name := range []string{near, far} {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, link)
	}
	t.Cleanup(func() { netlink.LinkDel(ends[0]) })
	iface, err := net.InterfaceByName(far)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(iface, packet.Raw, unix.ETH_P_LOOPBACK, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return *ends[0].Attrs(), conn
}

// breakSocket puts /dev/null in the place of the listener's socket, so that
// every read fails, and returns what puts the socket back.
func breakSocket(t *testing.T, l *Listener) (mend func()) {
	t.Helper()
	raw, err := l.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	var fd, kept int
	err = raw.Control(func(f uintptr) {
		fd = int(f)
		if kept, err = unix.Dup(fd); err == nil { // keeps it in the poller, too, which wakes the reader
			err = unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(kept) })
	return func() {
		if err := unix.Dup3(kept, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
	}
}

// claims counts the claims of addresses that are heard.
type claims struct {
	Handler
	heard atomic.Int32
}

func (c *claims) Claimed(netip.Addr, net.HardwareAddr) { c.heard.Add(1) }
func (*claims) Solicited([6]byte)                      {} // by the kernel at the other end of the cable, if the test takes long

func TestAListenerWhoseSocketFails(t *testing.T) {
	parent, wire := cable(t, "ear0", "mouth0")
	owner, address := net.HardwareAddr{6, 0, 0, 0, 0, 7}, netip.MustParseAddr("10.77.0.7")
	heard := &claims{}
	l, err := Listen(parent, net.HardwareAddr{2, 0, 0, 0, 0, 0}, heard)
	if err != nil {
		t.Fatal(err)
	}
	say := func() {
		claim := arpRequest(owner, address, address)
		if _, err := wire.WriteTo(claim, &packet.Addr{HardwareAddr: everybody}); err != nil {
			t.Fatal(err)
		}
	}

	mend := breakSocket(t, l)
	say()
	await(t, "the loss is told as this machine's own", func() bool {
		return strings.Contains(l.Failure(), "packet socket on ear0: recvmsg: socket operation on non-socket")
	})
	mend()
	say()
	await(t, "it hears again", func() bool { return heard.heard.Load() > 0 })
	l.Close()
	if l.Failure() == "" {
		t.Error("the loss is forgotten when the listener is closed")
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
