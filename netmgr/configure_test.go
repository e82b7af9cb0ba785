package netmgr_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/netmgr"
)

// clientOf makes the one client of a router that also sends these options.
func clientOf(t *testing.T, opts netmgr.Options, extra ...dhcpv4.Option) (*netmgr.NetworkManager, *netmgr.Client) {
	t.Helper()
	router := labOptions()
	router.Extra = extra
	opts.Parent = startLab(t, router).Parent
	m := newManager(t, opts)
	return m, create(t, m, 1)[0]
}

// routes are the client's main routes, but for the one to its own subnet.
func routes(t *testing.T, c *netmgr.Client) (texts []string) {
	t.Helper()
	h := handle(t, c.Name)
	list, err := h.RouteList(link(t, h, c.Link), netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.Src.Equal(c.Lease().Address.Addr().AsSlice()) {
			continue
		}
		text := fmt.Sprint(r.Dst)
		if r.Gw != nil {
			text += " via " + r.Gw.String()
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}

func TestTheKernelGetsWhatTheLeaseSays(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{})
	h := handle(t, c.Name)
	l := link(t, h, c.Link)
	if l.Type() != "macvlan" || l.Attrs().HardwareAddr.String() != c.MAC.String() || l.Attrs().MTU != 1500 {
		t.Errorf("%s with MAC %s and MTU %d, want a macvlan with %s and 1500", l.Type(), l.Attrs().HardwareAddr, l.Attrs().MTU, c.MAC)
	}
	addrs, err := h.AddrList(l, netlink.FAMILY_ALL) // no IPv6 address either
	if err != nil || len(addrs) != 1 || addrs[0].IPNet.String() != c.Lease().Address.String() {
		t.Errorf("addresses %v (%v), want %s", addrs, err, c.Lease().Address)
	}
	if diff := cmp.Diff([]string{"0.0.0.0/0 via 10.77.0.1"}, routes(t, c)); diff != "" {
		t.Error(diff)
	}
	if lo := link(t, h, "lo"); lo.Attrs().Flags&net.FlagUp == 0 {
		t.Error("loopback is down")
	}
}

func TestMTUOfTheLease(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option []byte
		want   int
	}{
		{"smaller than the parent's", []byte{0x05, 0x78}, 1400},
		{"larger than the parent's", []byte{0x23, 0x28}, 1500},
		{"too small for IPv4", []byte{0, 20}, 1500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, c := clientOf(t, netmgr.Options{}, dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, tt.option))
			if got := link(t, handle(t, c.Name), c.Link).Attrs().MTU; got != tt.want {
				t.Errorf("MTU %d, want %d", got, tt.want)
			}
			for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
				if r.Received != 1 {
					t.Error(r.Reason)
				}
			}
		})
	}
}

func network(cidr string) *net.IPNet {
	_, n, err := net.ParseCIDR(cidr)
	if err != nil {
		panic(err)
	}
	return n
}

// The router's gateway has an address outside the subnet, as some providers
// have it: RFC 3442 says that a route over the link leads to it.
func TestClasslessRoutesToAGatewayOutsideTheSubnet(t *testing.T) {
	opts := labOptions()
	opts.Extra = []dhcpv4.Option{dhcpv4.OptClasslessStaticRoute(
		&dhcpv4.Route{Dest: network("0.0.0.0/0"), Router: net.IP{192, 0, 2, 1}},
		&dhcpv4.Route{Dest: network("192.0.2.1/32"), Router: net.IPv4zero},
		&dhcpv4.Route{Dest: network("192.168.7.0/24"), Router: net.IP{10, 77, 0, 7}},
	)}
	l := startLab(t, opts)
	h := handle(t, l.Namespaces()[0])
	if err := h.AddrAdd(link(t, h, "lan"), &netlink.Addr{IPNet: network("192.0.2.1/32")}); err != nil {
		t.Fatal(err)
	}
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	c := create(t, m, 1)[0]
	want := []string{"0.0.0.0/0 via 192.0.2.1", "192.0.2.1/32", "192.168.7.0/24 via 10.77.0.7"}
	if diff := cmp.Diff(want, routes(t, c)); diff != "" {
		t.Error(diff)
	}
	for _, target := range []netmgr.Target{netmgr.Gateway, netmgr.Host(googleDNS)} {
		for _, r := range m.PingAll(t.Context(), target, quick(1)) {
			if r.Received != 1 {
				t.Errorf("%s: %s", r.Target, r.Reason)
			}
		}
	}
}

func TestAPointToPointLease(t *testing.T) {
	m, c := clientOf(t, netmgr.Options{}, dhcpv4.OptSubnetMask(net.CIDRMask(32, 32)))
	if diff := cmp.Diff([]string{"0.0.0.0/0 via 10.77.0.1"}, routes(t, c)); diff != "" {
		t.Error(diff)
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
		if r.Received != 1 {
			t.Error(r.Reason)
		}
	}
}

func TestResolvConfOfANamespace(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  netmgr.Options
		extra []dhcpv4.Option
		want  string
	}{
		{"the lease's", netmgr.Options{}, nil, "search lan.example.test\nnameserver 10.77.0.1\n"},
		{
			"a search list", netmgr.Options{},
			[]dhcpv4.Option{dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: []string{"a.example.test", "b.example.test"}})},
			"search a.example.test b.example.test\nnameserver 10.77.0.1\n",
		},
		{
			"servers chosen by the user", netmgr.Options{DNS: []netip.Addr{googleDNS, netip.MustParseAddr("1.1.1.1")}},
			[]dhcpv4.Option{dhcpv4.OptDNS(net.IP{192, 0, 2, 53})},
			"search lan.example.test\nnameserver 8.8.8.8\nnameserver 1.1.1.1\n",
		},
		{
			"a router that would like to write the file itself", netmgr.Options{},
			[]dhcpv4.Option{dhcpv4.OptDomainName("lan\nnameserver 192.0.2.66\n#")},
			"nameserver 10.77.0.1\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := clientOf(t, tt.opts, tt.extra...)
			file := "/etc/netns/" + c.Name + "/resolv.conf"
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			comment, rest, _ := strings.Cut(string(text), "\n")
			if !strings.HasPrefix(comment, "# lanstorm ") {
				t.Errorf("the first line is %q", comment)
			}
			if diff := cmp.Diff(tt.want, rest); diff != "" {
				t.Error(diff)
			}
			// Programs that are not root's read it as well.
			for path, want := range map[string]os.FileMode{file: 0o644, filepath.Dir(file): 0o755} {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Mode().Perm(); got != want {
					t.Errorf("%s has mode %s, want %s", path, got, want)
				}
			}
		})
	}
}
