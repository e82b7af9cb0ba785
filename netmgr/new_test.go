package netmgr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// addVeth makes a cable between two links, both of them down.
func addVeth(t *testing.T, name, peer string) {
	t.Helper()
	nstest.Need(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(&netlink.Device{LinkAttrs: attrs}); err != nil {
			t.Error(err)
		}
	})
}

func setUp(t *testing.T, name string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	addVeth(t, "unplugged", "far-end")
	setUp(t, "unplugged")
	addVeth(t, "sleeping", "awake")
	for _, tt := range []struct {
		name string
		opts netmgr.Options
		want string
	}{
		{"no such interface", netmgr.Options{Parent: "eth7"}, "interface eth7 is not there; use a wired interface: --interface "},
		{"no interface named", netmgr.Options{}, "is not there; use a wired interface: --interface "},
		{"a name too long for an interface", netmgr.Options{Parent: strings.Repeat("e", 40)}, "is not there; use a wired interface: --interface "},
		{"an interface that is down", netmgr.Options{Parent: "sleeping"}, "interface sleeping is down; sudo ip link set sleeping up"},
		{"an interface without a cable", netmgr.Options{Parent: "unplugged"}, "interface unplugged has no carrier; plug in the cable"},
		{"loopback", netmgr.Options{Parent: "lo"}, "interface lo is not Ethernet (loopback)"},
		{"an unknown mode", netmgr.Options{Parent: "lo", Mode: "passthru"}, `macvlan mode "passthru": use bridge, private or vepa`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := netmgr.New(tt.opts)
			var refused *netmgr.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want a *RefusedError with %q", err, tt.want)
			}
			if strings.Contains(tt.want, "is not there") {
				for _, name := range []string{"unplugged", "far-end", "sleeping", "awake"} {
					if !strings.Contains(err.Error(), name) {
						t.Errorf("%q does not name %s", err, name)
					}
				}
			}
		})
	}
}

// Kernels before 6.14 refuse, newer ones see no harm in it.
func TestALinkOfTheMachineWithTheNameOfAClients(t *testing.T) {
	l := startLab(t, labOptions())
	addVeth(t, "macvlan2", "far-end")
	before := traces(t)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	if err := m.CreateClients(t.Context(), 2); err != nil {
		const want = "ns2: link: this machine has a link macvlan2 of its own, and its kernel wants no second one; rename it or delete it"
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	cleanup(t, m)
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Error(diff)
	}
}

// TestClientsHangOnABridgeAndOnAVLAN: macvlan - VLAN 10 - cable - VLAN 10 -
// bridge - the lab's router, and macvlans on that bridge.
func TestClientsHangOnABridgeAndOnAVLAN(t *testing.T) {
	l := startLab(t, labOptions())
	add := func(link netlink.Link) error {
		err := netlink.LinkAdd(link)
		if err == nil {
			t.Cleanup(func() { netlink.LinkDel(link) })
			setUp(t, link.Attrs().Name)
		}
		return err
	}
	named := func(name string) netlink.LinkAttrs {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		return attrs
	}
	bridge := &netlink.Bridge{LinkAttrs: named("br0")}
	if err := add(bridge); err != nil {
		t.Fatal(err)
	}
	port := func(name string) {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetMaster(link, bridge)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	port(l.Parent)
	reachesTheInternet := func(t *testing.T, parent string) {
		m := newManager(t, netmgr.Options{Parent: parent})
		create(t, m, 5)
		for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
			if r.Received != 1 {
				t.Errorf("%s: %s", r.Client, r.Reason)
			}
		}
		cleanup(t, m)
		awaitLeases(t, l, 0)
	}
	t.Run("bridge", func(t *testing.T) { reachesTheInternet(t, "br0") })
	t.Run("VLAN", func(t *testing.T) {
		addVeth(t, "trunk0", "trunk1")
		for _, name := range []string{"trunk0", "trunk1"} {
			setUp(t, name)
			trunk, err := netlink.LinkByName(name)
			if err != nil {
				t.Fatal(err)
			}
			attrs := named(name + ".10")
			attrs.ParentIndex = trunk.Attrs().Index
			err = add(&netlink.Vlan{LinkAttrs: attrs, VlanId: 10, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
			if errors.Is(err, unix.EOPNOTSUPP) {
				t.Skip("this kernel has no VLANs (CONFIG_VLAN_8021Q)")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		port("trunk1.10")
		reachesTheInternet(t, "trunk0.10")
	})
}
