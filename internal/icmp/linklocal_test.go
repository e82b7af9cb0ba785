package icmp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// neighbours is a client on a link to a router, and the client's index of the link.
// Both have addresses of both families; the router refuses what is beyond it.
func neighbours(t *testing.T) (c Client, zone string) {
	nstest.Need(t)
	client, h := dual(t, "client")
	router, routers := dual(t, "router")
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lan"}, PeerName: "lan", PeerNamespace: netlink.NsFd(router.FD())}
	if err := h.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	configure := func(h *netlink.Handle, addresses ...string) int {
		lan, err := h.LinkByName("lan")
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(h.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}), h.LinkSetUp(lan))
		for _, text := range addresses {
			addr, _ := netlink.ParseAddr(text)
			addr.Flags = unix.IFA_F_NODAD
			err = errors.Join(err, h.AddrAdd(lan, addr))
		}
		if err != nil {
			t.Fatal(err)
		}
		return lan.Attrs().Index
	}
	configure(routers, "fe80::1/64", "2001:db8::1/64", "10.77.0.1/24")
	index := configure(h, "fe80::10/64", "2001:db8::10/64", "10.77.0.10/24")
	route := func(h *netlink.Handle, r netlink.Route, to string) {
		_, r.Dst, _ = net.ParseCIDR(to)
		if err := h.RouteAdd(&r); err != nil {
			t.Fatal(to, err)
		}
	}
	route(h, netlink.Route{LinkIndex: index, Gw: net.ParseIP("fe80::1")}, "2001:db8:1::/48")
	route(h, netlink.Route{LinkIndex: index, Gw: net.ParseIP("fe80::99")}, "2001:db8:2::/48")
	for to, kind := range map[string]int{"2001:db8:1:1::/64": unix.RTN_PROHIBIT, "2001:db8:1:3::/64": unix.RTN_UNREACHABLE} {
		route(routers, netlink.Route{Type: kind}, to)
	}
	// Kernels send but so many errors to one host by default.
	if err := errors.Join(router.SetSysctl("net/ipv6/conf/all/forwarding", "1"), router.SetSysctl("net/ipv6/icmp/ratelimit", "0")); err != nil {
		t.Fatal(err)
	}
	c = Client{Name: "client", NS: client, NoRoute: func(to netip.Addr) string { return fmt.Sprintf("no route to %s", to) }}
	zone = strconv.Itoa(index)
	c.Target = netip.MustParseAddr("fe80::1%" + zone) // a new link loses what it is given first
	if l := ProbeAll(t.Context(), []Client{c}, Ping{Timeout: 10 * time.Second}); l.Received() != 1 {
		t.Fatal(l.Clients[0].Reason)
	}
	return c, zone
}

func TestBothFamiliesArePingedOverALink(t *testing.T) {
	c, zone := neighbours(t)
	var clients []Client
	for _, target := range []string{"fe80::1%" + zone, "2001:db8::1", "10.77.0.1", "::1"} {
		c.Target = netip.MustParseAddr(target)
		clients = append(clients, c)
	}
	p := Ping{Count: 3, Interval: 10 * ms, Timeout: 5 * time.Second}
	l := ProbeAll(t.Context(), clients, p)
	if l.Unstamped > 0 || l.RTT.Count() != 12 {
		t.Errorf("%d RTTs, %d not stamped", l.RTT.Count(), l.Unstamped)
	}
	pinged, _ := PingAll(t.Context(), clients, p)
	for _, r := range append(l.Clients, pinged...) {
		if r.Received != 3 || r.Duplicates > 0 || r.Reason != "" || r.RTT.Count() != 3 || r.Target.Zone() != "" {
			t.Errorf("%+v", r)
		}
	}
	for _, c := range clients[:2] {
		if hop, resolved := NextHop(c.NS, c.Target); hop != c.Target.WithZone("") || !resolved {
			t.Errorf("next hop %s, resolved: %t", hop, resolved)
		}
	}
}

func TestWhyNothingComesBackOverIPv6(t *testing.T) {
	c, zone := neighbours(t)
	for _, tt := range []struct{ name, target, want string }{
		{"nobody there", "2001:db8::99", "2001:db8::99 does not answer neighbour solicitations"},
		{"nobody there, link-local", "fe80::99%" + zone, "fe80::99 does not answer neighbour solicitations"},
		{"no gateway there", "2001:db8:2::1", "the gateway fe80::99 does not answer neighbour solicitations"},
		{"a firewall", "2001:db8:1:1::1", "prohibited by a firewall, says 2001:db8::1"},
		{"the router knows no host", "2001:db8:1:3::1", "no route, says 2001:db8::1"},
		{"the client has no route", "2001:db8:9::1", "no route to 2001:db8:9::1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // the kernel takes three seconds until it complains itself
			c := c
			c.Target = netip.MustParseAddr(tt.target)
			p := Ping{Count: 2, Interval: 10 * ms, Timeout: 4 * time.Second}
			if tt.want[0] == 'n' || tt.want[0] == 'p' {
				p.Timeout = 100 * ms
			}
			l := ProbeAll(t.Context(), []Client{c}, p)
			pinged, _ := PingAll(t.Context(), []Client{c}, p)
			for _, r := range append(l.Clients, pinged...) {
				if diff := cmp.Diff(tt.want, r.Reason); diff != "" || r.Received > 0 {
					t.Errorf("%d received: %s", r.Received, diff)
				}
			}
		})
	}
}

func TestWhoHasNoIPv6AddressHasNoRoute(t *testing.T) {
	c, zone := neighbours(t)
	if err := c.NS.SetSysctl("net/ipv6/conf/lan/disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"fe80::1%" + zone, "2001:db8::1"} {
		c.Target = netip.MustParseAddr(target)
		l := ProbeAll(t.Context(), []Client{c}, Ping{Timeout: 100 * ms})
		pinged, _ := PingAll(t.Context(), []Client{c}, Ping{Timeout: 100 * ms, Interval: ms})
		for _, r := range append(l.Clients, pinged...) {
			if want := c.NoRoute(c.Target.WithZone("")); r.Reason != want || r.Sent > 0 {
				t.Errorf("%d sent: %s, want %s", r.Sent, r.Reason, want)
			}
		}
	}
}
