package netmgr_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// lost wants that every client sent so many requests, got nothing back, and
// says why.
func lost(t *testing.T, results []netmgr.PingResult, sent int, want string) {
	t.Helper()
	if len(results) == 0 {
		t.Error("nobody pinged")
	}
	for _, r := range results {
		if r.Sent != sent || r.Received != 0 || r.Loss() != 100 || r.RTT.Count() != 0 {
			t.Errorf("%s: sent %d, received %d, loss %v %%; want %d sent and nothing received",
				r.Client, r.Sent, r.Received, r.Loss(), sent)
		}
		if diff := cmp.Diff(want, r.Reason); diff != "" {
			t.Error(diff)
		}
	}
}

// brief is a ping that soon gives up on silence.
func brief(count int) netmgr.Ping {
	return netmgr.Ping{Count: count, Interval: 20 * time.Millisecond, Timeout: time.Second}
}

func TestPingWithoutClientsHasNoResults(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	if results := m.PingAll(t.Context(), netmgr.Gateway, quick(1)); len(results) > 0 {
		t.Error(results)
	}
}

func TestPingWithoutAGateway(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, brokenLab("no-gateway")).Parent})
	create(t, m, 2)
	const none = "the lease from 10.77.0.1 names no gateway (option 3)"
	lost(t, m.PingAll(t.Context(), netmgr.Host(googleDNS), brief(2)), 0, "no route to 8.8.8.8: "+none)
	lost(t, m.PingAll(t.Context(), netmgr.Gateway, brief(2)), 0, none)
	for _, r := range m.PingAll(t.Context(), netmgr.Host(router), quick(2)) {
		if r.Received != 2 {
			t.Errorf("the router is in the subnet: %s", r.Reason)
		}
	}
}

func TestPingWithTheInternetDown(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, brokenLab("internet-down")).Parent})
	create(t, m, 3)
	lost(t, m.PingAll(t.Context(), netmgr.Host(googleDNS), brief(2)), 2, "network unreachable, says 10.77.0.1")
}

func TestPingOfRoutersThatRefuse(t *testing.T) {
	l := startLab(t, labOptions())
	h := handle(t, l.Namespaces()[0])
	for _, err := range []error{
		h.RouteAdd(&netlink.Route{Dst: network("198.18.1.0/24"), Type: unix.RTN_PROHIBIT}),
		h.RouteAdd(&netlink.Route{Dst: network("198.18.2.0/24"), Type: unix.RTN_UNREACHABLE}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 1)
	for _, tt := range []struct{ name, target, want string }{
		{"a firewall", "198.18.1.1", "prohibited by a firewall, says 10.77.0.1"},
		{"no such host", "198.18.2.1", "host unreachable, says 10.77.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lost(t, m.PingAll(t.Context(), netmgr.Host(netip.MustParseAddr(tt.target)), brief(1)), 1, tt.want)
		})
	}
}

func TestPingOfAHostThatIsNotThere(t *testing.T) {
	t.Parallel()
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent, Prefix: "dead"})
	create(t, m, 2)
	nobody, p := netmgr.Host(netip.MustParseAddr("10.77.99.99")), brief(2)
	const want = "10.77.99.99 does not answer ARP"
	lost(t, m.PingAll(t.Context(), nobody, p), 2, want)
	// After three seconds the kernel gives up, and tells the client so.
	p.Timeout = 4 * time.Second
	lost(t, m.PingAll(t.Context(), nobody, p), 2, want)
}

func TestPingByAGatewayThatIsNotThere(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	h := handle(t, l.Namespaces()[0])
	lan := link(t, h, "lan")
	if err := h.LinkSetARPOff(lan); err != nil {
		t.Fatal(err)
	}
	create(t, m, 2)
	lost(t, m.PingAll(t.Context(), netmgr.Host(googleDNS), brief(2)), 2, "the gateway 10.77.0.1 does not answer ARP")
	if err := h.LinkSetARPOn(lan); err != nil { // for the RELEASEs
		t.Fatal(err)
	}
}

// ignorePings makes a namespace deaf to echo requests, and to nothing else.
func ignorePings(t *testing.T, name string) { setSysctl(t, name, "net/ipv4/icmp_echo_ignore_all", "1") }

func setSysctl(t *testing.T, name, key, value string) {
	t.Helper()
	ns, err := namespace.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.SetSysctl(key, value); err != nil {
		t.Fatal(err)
	}
}

func TestPingOfAHostThatIgnoresIt(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 2)
	ignorePings(t, l.Namespaces()[0])
	lost(t, m.PingAll(t.Context(), netmgr.Gateway, brief(3)), 3, "10.77.0.1 did not answer within 1s (3 requests sent)")
}

func TestPingEndsWithItsContext(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 3)
	ignorePings(t, l.Namespaces()[0])
	hurry := errors.New("somebody pressed ^C")
	for _, tt := range []struct {
		name     string
		interval time.Duration // within which a client starts
		after    time.Duration
	}{
		{"before it began", time.Minute, 0},
		{"while clients wait for their turn", time.Hour, 50 * time.Millisecond},
		{"while replies are awaited", time.Millisecond, 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(tt.after, func() { cancel(hurry) })
			for _, r := range m.PingAll(ctx, netmgr.Gateway, netmgr.Ping{Count: 3, Interval: tt.interval, Timeout: time.Hour}) {
				if r.Received != 0 || r.Reason != hurry.Error() {
					t.Errorf("%s: %+v", r.Client, r)
				}
			}
		})
	}
}

// A ping must not hold a thread in its namespace, of which there are few.
func TestSocketsCanBeOpenedWhileAllPing(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 30)
	ignorePings(t, l.Namespaces()[0])
	seen := startCapture(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []netmgr.PingResult)
	go func() {
		done <- m.PingAll(ctx, netmgr.Gateway, netmgr.Ping{Interval: time.Millisecond, Timeout: time.Hour})
	}()
	await(t, "every client pings", func() bool { return seen.pinging() == len(clients) })
	for _, c := range clients {
		conn, err := c.ListenPacket("udp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	cancel()
	lost(t, <-done, 1, context.Canceled.Error())
}

func TestATargetOfEachClientsOwn(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	clients := create(t, m, 3)
	target := func(c *netmgr.Client) (netip.Addr, error) {
		if c == clients[1] {
			return netip.Addr{}, errors.New("ns2 is on strike")
		}
		return clients[1].Lease().Address.Addr(), nil
	}
	results := m.PingAll(t.Context(), target, quick(1))
	for _, i := range []int{0, 2} {
		if results[i].Received != 1 {
			t.Errorf("%s: %s", results[i].Client, results[i].Reason)
		}
	}
	lost(t, results[1:2], 0, "ns2 is on strike")
}

func TestClientsReachEachOther(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	for _, n := range []int{1, 1, 8} { // alone, two, ten
		create(t, m, n)
		for _, p := range m.Unreachable(t.Context(), quick(1)) {
			t.Errorf("%d clients: %s: %v", len(m.Clients()), p.Client, p.Err)
		}
	}
	if problems := m.Duplicates(); len(problems) > 0 {
		t.Error(problems)
	}
}

// problems are the names of those who have them, each once, and all texts.
func problems(list []netmgr.Problem) (clients []string, text string) {
	for _, p := range list {
		if len(clients) == 0 || clients[len(clients)-1] != p.Client {
			clients = append(clients, p.Client)
		}
		text += p.Err.Error() + "\n"
	}
	return clients, text
}

func TestOnlyTheClientWithoutALinkIsUnreachable(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	clients := create(t, m, 4)
	third := clients[2]
	h := handle(t, third.Name)
	if err := h.LinkSetDown(link(t, h, third.Link)); err != nil {
		t.Fatal(err)
	}
	named, text := problems(m.Unreachable(t.Context(), quick(1)))
	if diff := cmp.Diff([]string{"ns3"}, named); diff != "" {
		t.Error(diff, text)
	}
	if want := "no reply to another client: " + third.Lease().Address.Addr().String() + " does not answer ARP, and cannot ping another client: "; !strings.Contains(text, want) {
		t.Errorf("%q does not say %q", text, want)
	}
}

func TestOnlyTheClientThatIgnoresPingsIsUnreachable(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent})
	create(t, m, 4)
	ignorePings(t, "ns4")
	named, text := problems(m.Unreachable(t.Context(), quick(1)))
	if diff := cmp.Diff([]string{"ns4"}, named); diff != "" {
		t.Error(diff, text)
	}
}

func TestClientsOfAGatewayThatIsNotThereAreUnreachable(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	h := handle(t, l.Namespaces()[0])
	lan := link(t, h, "lan")
	if err := h.LinkSetARPOff(lan); err != nil {
		t.Fatal(err)
	}
	create(t, m, 2)
	named, text := problems(m.Unreachable(t.Context(), brief(1)))
	if diff := cmp.Diff([]string{"ns1", "ns2"}, named); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(strings.Repeat("the gateway 10.77.0.1 does not answer ARP\n", 2), text); diff != "" {
		t.Error(diff)
	}
	if err := h.LinkSetARPOn(lan); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateModeKeepsClientsApart(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent, Mode: "private"})
	create(t, m, 1)
	if found := m.Unreachable(t.Context(), quick(1)); len(found) > 0 {
		t.Errorf("one client alone: %v", found)
	}
	create(t, m, 1)
	_, text := problems(m.Unreachable(t.Context(), brief(1)))
	if want := "macvlan mode private keeps clients apart, so none can reach another: use mode bridge\n"; text != want {
		t.Error(cmp.Diff(want, text))
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Host(m.Clients()[0].Lease().Address.Addr()), brief(1))[1:] {
		if r.Received != 0 {
			t.Error("ns2 reaches ns1 all the same: the mode is not private")
		}
	}
}
