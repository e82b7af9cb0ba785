package netmgr_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestMain(m *testing.M) { nstest.Main(m) }

var (
	router    = netip.MustParseAddr("10.77.0.1")
	googleDNS = netip.MustParseAddr("8.8.8.8")
)

// labOptions is a router like any other.
func labOptions() lab.Options {
	return lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 5000, LeaseTime: time.Hour}
}

// brokenLab is a router with faults.
func brokenLab(faults ...lab.Fault) lab.Options {
	opts := labOptions()
	opts.Faults = faults
	return opts
}

func startLab(t *testing.T, opts lab.Options) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newManager(t *testing.T, opts netmgr.Options) *netmgr.NetworkManager {
	t.Helper()
	m, err := netmgr.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanup(t, m) })
	return m
}

func create(t *testing.T, m *netmgr.NetworkManager, n int) []*netmgr.Client {
	t.Helper()
	if err := m.CreateClients(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return m.Clients()
}

func cleanup(t *testing.T, m *netmgr.NetworkManager) {
	t.Helper()
	if err := m.Cleanup(context.Background()); err != nil {
		t.Error(err)
	}
	if left := m.Clients(); len(left) > 0 {
		t.Errorf("%d clients are left", len(left))
	}
}

// await waits until the kernel, or a server, has caught up.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// awaitLeases waits until the router holds n leases: a RELEASE that has left
// us is still to be read.
func awaitLeases(t *testing.T, l *lab.Lab, n int) {
	t.Helper()
	await(t, fmt.Sprintf("the router holds %d leases", n), func() bool {
		held, err := l.Leases()
		if err != nil {
			t.Fatal(err)
		}
		return held == n
	})
}

// traces is all that clients leave on a machine: the folders of ip-netns(8)
// with what is in them, and the links.
func traces(t *testing.T) (found []string) {
	t.Helper()
	for _, dir := range []string{namespace.Dir, namespace.EtcDir} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err == nil {
			found = append(found, dir)
		}
		for _, e := range entries {
			found = append(found, dir+"/"+e.Name())
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		found = append(found, "link "+link.Attrs().Name)
	}
	return found
}

// handle is rtnetlink inside a namespace.
func handle(t *testing.T, name string) *netlink.Handle {
	t.Helper()
	ns, err := namespace.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	h, err := ns.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// link is a link inside a namespace.
func link(t *testing.T, h *netlink.Handle, name string) netlink.Link {
	t.Helper()
	l, err := h.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(clients []*netmgr.Client) (names []string) {
	for _, c := range clients {
		names = append(names, c.Name)
	}
	return names
}

// quick is a ping of a few hundredths of a second, when all is well.
func quick(count int) netmgr.Ping {
	return netmgr.Ping{Count: count, Interval: 20 * time.Millisecond, Timeout: 3 * time.Second}
}

func TestTenClientsLeasePingAndAreGone(t *testing.T) {
	l := startLab(t, labOptions())
	_ = os.Remove(namespace.EtcDir) // if it was not there before, it goes
	before := traces(t)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 10)
	if leases, err := l.Leases(); err != nil || leases != 10 {
		t.Errorf("the router holds %d leases (%v), want 10", leases, err)
	}
	macs, addrs := map[string]bool{}, map[netip.Addr]bool{}
	for i, c := range clients {
		if want := fmt.Sprint("ns", i+1); c.Name != want {
			t.Errorf("client %d is called %s, want %s", i+1, c.Name, want)
		}
		if len(c.MAC) != 6 || c.MAC[0] != 0x02 || macs[c.MAC.String()] {
			t.Errorf("%s: MAC address %s is not locally administered, or another client's", c.Name, c.MAC)
		}
		if err := c.Lease().Check(l.Router); err != nil || addrs[c.Lease().Address.Addr()] {
			t.Errorf("%s: %s is another client's, or unfit: %v", c.Name, c.Lease().Address, err)
		}
		macs[c.MAC.String()], addrs[c.Lease().Address.Addr()] = true, true
		if min(c.Timings.Namespace, c.Timings.Link, c.Timings.Lease, c.Timings.Configure) <= 0 {
			t.Errorf("%s: a stage took no time: %+v", c.Name, c.Timings)
		}
	}
	results := m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(3))
	if len(results) != 10 {
		t.Fatalf("%d results, want 10", len(results))
	}
	for i, r := range results {
		if r.Client != clients[i].Name || r.MAC != clients[i].MAC.String() {
			t.Errorf("result %d is of %s, want %s", i, r.Client, clients[i].Name)
		}
		if r.Sent != 3 || r.Received != 3 || r.Loss() != 0 || r.Reason != "" || r.RTT.Count() != 3 || r.RTT.Min() <= 0 {
			t.Errorf("%s: %+v", r.Client, r)
		}
		resp, err := clients[i].HTTPClient().Get("http://example.test/")
		if err != nil {
			t.Errorf("%s: %v", r.Client, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes, %v", r.Client, resp.StatusCode, len(body), err)
		}
		out, err := clients[i].Command(t.Context(), "cat", "/etc/resolv.conf").Output()
		if err != nil || !strings.Contains(string(out), "\nnameserver "+l.Router.String()+"\n") {
			t.Errorf("%s: a program sees this resolv.conf (%v):\n%s", r.Client, err, out)
		}
	}
	cleanup(t, m)
	awaitLeases(t, l, 0)
	if after := traces(t); !slices.Equal(before, after) {
		t.Errorf("before: %q\nafter: %q", before, after)
	}
}
