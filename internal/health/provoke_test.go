package health

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// These tests bring this machine to its limits for real. Two cannot: no
// program can have itself stolen processor time, nor throttle a Raspberry Pi.
// What the clients count, netmgr's tests provoke.
//
// The machine is shared with whatever else is tested on it. So no setting of it
// is changed, and nothing is full for longer than a moment; and other limits
// than the one provoked may be found.

func TestProvokeSoftnet(t *testing.T) {
	nstest.Need(t)
	nstest.Crowd(t, nstest.Everybody) // for whom limits would be raised
	// A datagram that the kernel is to cut into 64, flooded by a bridge to 48
	// ports, each of which does the cutting: 3072 packets in the queue of this
	// processor before it gets round to any.
	const ports, segments = 48, 64
	const backlog = "net.core.netdev_max_backlog"
	atMost(t, backlog, ports*segments/2)
	br := addLink(t, &netlink.Bridge{LinkAttrs: attrs("br")})
	for i := range ports {
		a := attrs("port" + strconv.Itoa(i))
		a.GSOMaxSegs = 1
		port := addLink(t, &netlink.Veth{LinkAttrs: a, PeerName: "peer" + strconv.Itoa(i)})
		up(t, "peer"+strconv.Itoa(i))
		must(t, netlink.LinkSetMaster(port, br))
	}
	addr, err := netlink.ParseAddr("192.0.2.1/24")
	must(t, err)
	must(t, netlink.AddrAdd(br, addr))
	// A permanent neighbour needs no room in a table that others may have filled.
	must(t, netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: br.Attrs().Index, Family: unix.AF_INET, State: netlink.NUD_PERMANENT,
		IP: net.IPv4(192, 0, 2, 255), HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}))

	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(t, err)
	defer unix.Close(s)
	must(t, unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	must(t, unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, 1))
	w := Start(Options{Parent: "port0"})
	must(t, unix.Sendto(s, make([]byte, segments), 0, &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 255}, Port: 9}))
	r := w.Stop()
	if !has(r, Softnet) {
		atMost(t, backlog, ports*segments/2) // raised since?
	}
	expect(t, r, Softnet)
}

func TestProvokeParentDrops(t *testing.T) {
	nstest.Need(t)
	// The chatter of IPv6 on new links would overflow a queue for one.
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	parent := addLink(t, &netlink.Veth{LinkAttrs: attrs("parent"), PeerName: "router"})
	up(t, "router")
	for _, name := range []string{"client1", "client2"} {
		a := attrs(name)
		a.ParentIndex = parent.Attrs().Index
		addLink(t, &netlink.Macvlan{LinkAttrs: a, Mode: netlink.MACVLAN_MODE_BRIDGE, BCQueueLen: 1})
	}
	send := rawSender(t, "router")

	// sendUntil sends at a time batch frames until the kernel, which may take its
	// time, has dropped so many.
	sendUntil := func(dropped, batch int, protocol uint16) {
		dropped += counted(t, "parent", "rx_dropped")
		for deadline := time.Now().Add(time.Minute); counted(t, "parent", "rx_dropped") < dropped; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the kernel did not drop what it should have")
			}
			for range batch {
				send(protocol)
			}
		}
	}

	// A few frames that nobody understands are dropped, too, but not for want
	// of room.
	const lldp = 0x88cc
	w := Start(Options{Parent: "parent"})
	for range strays / 2 {
		sendUntil(1, 1, lldp)
	}
	if r := w.Stop(); has(r, ParentDrops) {
		t.Errorf("frames that nobody understands are taken for a limit: %s", r)
	}

	w = Start(Options{Parent: "parent"})
	sendUntil(500, 1000, unix.ETH_P_ARP)
	expect(t, w.Stop(), ParentDrops)
}

func TestProvokeNeighbours(t *testing.T) {
	nstest.Need(t)
	nstest.Crowd(t, nstest.Everybody) // whose neighbours would find no room
	const room = 1100
	const threshold = "net.ipv4.neigh.default.gc_thresh3"
	atMost(t, threshold, room)
	link := addLink(t, &netlink.Veth{LinkAttrs: attrs("parent"), PeerName: "router"})
	w := Start(Options{Parent: "parent"})
	full := false
	for i := range room {
		err := netlink.NeighAdd(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: unix.AF_INET, State: netlink.NUD_STALE,
			IP: net.IPv4(198, 18, byte(i>>8), byte(i)), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)},
		})
		if full = errors.Is(err, unix.ENOBUFS); full {
			break
		}
		must(t, err)
	}
	must(t, netlink.LinkDel(link)) // at once: the table is everybody's
	r := w.Stop()
	if !full {
		atMost(t, threshold, room) // raised since?
		t.Fatalf("%d neighbours fit into the table", room)
	}
	if slices.ContainsFunc(r.Unwatched, func(s string) bool { return strings.HasPrefix(s, Neighbours) }) {
		t.Skip("in a container: ", r.Unwatched)
	}
	expect(t, r, Neighbours)
}

func TestProvokeFullProcessors(t *testing.T) {
	end := time.Now().Add(stretch + 500*time.Millisecond)
	measuring, creating := Start(Options{}), Start(Options{Flatout: true})
	var wg sync.WaitGroup
	for range 16 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for time.Now().Before(end) {
			}
		})
	}
	wg.Wait()
	r := measuring.Stop()
	expect(t, r, CPU)
	expect(t, r, RunQueue)
	r = creating.Stop()
	expect(t, r, RunQueue)
	if has(r, CPU) {
		t.Errorf("full processors are a limit to those who want them full: %s", r)
	}
}

// A watch beside nothing in particular: whatever this machine's state, its
// figures make sense.
func TestWatchThisMachine(t *testing.T) {
	w := Start(Options{Parent: "lo"})
	time.Sleep(300 * time.Millisecond)
	r := w.Stop()
	t.Logf("%+v", r)
	if r.CPU < 0 || r.CPU > 1 || r.Delay.Max <= 0 || r.Delay.P99 > r.Delay.Max || r.Took < 300*time.Millisecond {
		t.Errorf("%+v", r)
	}
}

func expect(t *testing.T, r Report, name string) {
	t.Helper()
	if has(r, name) {
		t.Log(r)
	} else {
		t.Errorf("no limit %s: %+v", name, r)
	}
}

func has(r Report, name string) bool {
	return slices.ContainsFunc(r.Limits, func(l Limit) bool { return l.Name == name })
}

// atMost skips the test when a setting of the machine has been raised too far
// to be provoked: by a run of lanstorm's, say. Only the first network namespace
// shows it, where the process that nstest started us from may be.
func atMost(t *testing.T, key string, most int) {
	t.Helper()
	stub := filepath.Join(namespace.Dir, "outside")
	must(t, os.MkdirAll(namespace.Dir, 0o755))
	must(t, os.WriteFile(stub, nil, 0o444))
	defer os.Remove(stub)
	must(t, unix.Mount("/proc/"+strconv.Itoa(os.Getppid())+"/ns/net", stub, "", unix.MS_BIND, ""))
	defer func() { must(t, unix.Unmount(stub, unix.MNT_DETACH)) }()
	outside, err := namespace.Open("outside")
	must(t, err)
	defer outside.Close()
	is := 0
	err = outside.Do(func() (err error) {
		is, err = machine.Number(os.DirFS("/"), "proc/sys/"+strings.ReplaceAll(key, ".", "/"))
		return err
	})
	switch {
	case errors.Is(err, os.ErrNotExist): // in a container
	case err != nil:
		t.Fatal(err)
	case is >= most:
		t.Skipf("%s is %d, too much to be filled in passing", key, is)
	}
}

// rawSender returns a function that broadcasts a frame of a protocol from link.
func rawSender(t *testing.T, link string) func(protocol uint16) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	must(t, err)
	s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(s) })
	frame := make([]byte, 60)
	copy(frame, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2})
	return func(protocol uint16) {
		frame[12], frame[13] = byte(protocol>>8), byte(protocol)
		must(t, unix.Sendto(s, frame, 0, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index}))
	}
}

func counted(t *testing.T, link, name string) int {
	t.Helper()
	n, err := machine.Number(os.DirFS("/"), "sys/class/net/"+link+"/statistics/"+name)
	must(t, err)
	return n
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

// addLink makes a link that is up, and goes with the test.
func addLink(t *testing.T, link netlink.Link) netlink.Link {
	t.Helper()
	must(t, netlink.LinkAdd(link))
	t.Cleanup(func() { _ = netlink.LinkDel(link) })
	must(t, netlink.LinkSetUp(link))
	return link
}

func up(t *testing.T, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	must(t, err)
	must(t, netlink.LinkSetUp(link))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
