package dhcp4

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// compareLeases looks at all of a lease that others can see.
var compareLeases = cmp.Options{
	cmpopts.IgnoreUnexported(Lease{}),
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
}

// soundACK is what an ordinary router says, changed by mods.
func soundACK(mods ...dhcpv4.Modifier) []dhcpv4.Modifier {
	return append([]dhcpv4.Modifier{
		func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply },
		dhcpv4.WithMessageType(dhcpv4.MessageTypeAck),
		dhcpv4.WithYourIP(net.IP{10, 77, 0, 10}),
		dhcpv4.WithNetmask(net.CIDRMask(16, 32)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 1})),
		dhcpv4.WithRouter(net.IP{10, 77, 0, 1}),
		dhcpv4.WithDNS(net.IP{10, 77, 0, 1}),
		dhcpv4.WithOption(dhcpv4.OptDomainName("lan.example.test")),
		dhcpv4.WithLeaseTime(3600),
	}, mods...)
}

// soundLease is what soundACK says, changed by change.
func soundLease(change func(*Lease)) Lease {
	l := Lease{
		Address:  netip.MustParsePrefix("10.77.0.10/16"),
		Server:   netip.MustParseAddr("10.77.0.1"),
		Gateway:  netip.MustParseAddr("10.77.0.1"),
		Routes:   []Route{via("0.0.0.0/0", "10.77.0.1")},
		DNS:      []netip.Addr{netip.MustParseAddr("10.77.0.1")},
		Domain:   "lan.example.test",
		Search:   []string{"lan.example.test"},
		Duration: time.Hour,
		Renew:    30 * time.Minute,
		Rebind:   52*time.Minute + 30*time.Second,
	}
	change(&l)
	return l
}

func via(to, gateway string) Route {
	return Route{netip.MustParsePrefix(to), netip.MustParseAddr(gateway)}
}

func onLink(to string) Route { return Route{To: netip.MustParsePrefix(to)} }

func classless(routes ...*dhcpv4.Route) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(routes...))
}

func routeTo(to string, gateway net.IP) *dhcpv4.Route {
	_, dest, err := net.ParseCIDR(to)
	if err != nil {
		panic(err)
	}
	return &dhcpv4.Route{Dest: dest, Router: gateway}
}

func searchDomains(names ...string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: names}))
}

// onTheWire is the message as its receiver reads it.
func onTheWire(t *testing.T, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	msg, err := dhcpv4.New(mods...)
	if err != nil {
		t.Fatal(err)
	}
	msg, err = dhcpv4.FromBytes(msg.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestParseLeaseTakesWhatIsFitForUse(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  dhcpv4.Modifier
		want func(*Lease)
	}{
		{"an ordinary router", func(*dhcpv4.DHCPv4) {}, func(*Lease) {}},
		{
			"the first of a subnet of two",
			dhcpv4.WithNetmask(net.CIDRMask(31, 32)),
			func(l *Lease) { l.Address = netip.MustParsePrefix("10.77.0.10/31") },
		},
		{
			"the second of a subnet of two",
			func(m *dhcpv4.DHCPv4) {
				dhcpv4.WithNetmask(net.CIDRMask(31, 32))(m)
				m.YourIPAddr = net.IP{10, 77, 0, 11}
			},
			func(l *Lease) { l.Address = netip.MustParsePrefix("10.77.0.11/31") },
		},
		{
			"a point-to-point subnet",
			dhcpv4.WithNetmask(net.CIDRMask(32, 32)),
			func(l *Lease) { l.Address = netip.MustParsePrefix("10.77.0.10/32") },
		},
		{
			"no mask, so that of its class",
			dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask),
			func(l *Lease) { l.Address = netip.MustParsePrefix("10.77.0.10/8") },
		},
		{
			"a mask of three bytes",
			dhcpv4.WithGeneric(dhcpv4.OptionSubnetMask, []byte{255, 255, 255}),
			func(l *Lease) { l.Address = netip.MustParsePrefix("10.77.0.10/8") },
		},
		{
			"no mask, in the last of the classes",
			func(m *dhcpv4.DHCPv4) {
				m.Options.Del(dhcpv4.OptionSubnetMask)
				m.YourIPAddr = net.IP{192, 168, 1, 10}
			},
			func(l *Lease) { l.Address = netip.MustParsePrefix("192.168.1.10/24") },
		},
		{
			"no router",
			dhcpv4.WithoutOption(dhcpv4.OptionRouter),
			func(l *Lease) { l.Gateway, l.Routes = netip.Addr{}, nil },
		},
		{
			"the first of two routers",
			dhcpv4.WithRouter(net.IPv4zero, net.IP{10, 77, 0, 2}, net.IP{10, 77, 0, 3}),
			func(l *Lease) {
				l.Gateway = netip.MustParseAddr("10.77.0.2")
				l.Routes = []Route{via("0.0.0.0/0", "10.77.0.2")}
			},
		},
		{
			"option 121 makes option 3 void",
			classless(routeTo("192.168.7.0/24", net.IP{10, 77, 0, 7}), routeTo("0.0.0.0/0", net.IP{10, 77, 0, 2})),
			func(l *Lease) {
				l.Gateway = netip.MustParseAddr("10.77.0.2")
				l.Routes = []Route{via("192.168.7.0/24", "10.77.0.7"), via("0.0.0.0/0", "10.77.0.2")}
			},
		},
		{
			"option 121 without a default route",
			classless(routeTo("192.168.7.0/24", net.IP{10, 77, 0, 7})),
			func(l *Lease) { l.Gateway, l.Routes = netip.Addr{}, []Route{via("192.168.7.0/24", "10.77.0.7")} },
		},
		{
			"a route over the link to a gateway outside the subnet",
			classless(routeTo("192.0.2.1/32", net.IPv4zero), routeTo("0.0.0.0/0", net.IP{192, 0, 2, 1})),
			func(l *Lease) {
				l.Gateway = netip.MustParseAddr("192.0.2.1")
				l.Routes = []Route{onLink("192.0.2.1/32"), via("0.0.0.0/0", "192.0.2.1")}
			},
		},
		{
			"a route whose host part is not zero",
			dhcpv4.WithGeneric(dhcpv4.OptionClasslessStaticRoute, []byte{20, 192, 168, 0xff, 10, 77, 0, 7}),
			func(l *Lease) { l.Gateway, l.Routes = netip.Addr{}, []Route{via("192.168.240.0/20", "10.77.0.7")} },
		},
		{
			"a torn option 121 is as good as none",
			dhcpv4.WithGeneric(dhcpv4.OptionClasslessStaticRoute, []byte{0, 10, 77}),
			func(*Lease) {},
		},
		{
			"name servers that cannot be any",
			dhcpv4.WithDNS(net.IPv4zero, net.IP{224, 0, 0, 251}, net.IP{9, 9, 9, 9}),
			func(l *Lease) { l.DNS = []netip.Addr{netip.MustParseAddr("9.9.9.9")} },
		},
		{"an MTU that IPv4 cannot do with", dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0, 20}), func(*Lease) {}},
		{"an MTU of one byte", dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{200}), func(*Lease) {}},
		{"the smallest MTU", dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0, 68}), func(l *Lease) { l.MTU = 68 }},
		{"an MTU of 1400", dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0x78}), func(l *Lease) { l.MTU = 1400 }},
		{
			"T1 and T2 given",
			func(m *dhcpv4.DHCPv4) {
				m.UpdateOption(dhcpv4.OptRenewTimeValue(time.Minute))
				m.UpdateOption(dhcpv4.OptRebindingTimeValue(2 * time.Minute))
			},
			func(l *Lease) { l.Renew, l.Rebind = time.Minute, 2*time.Minute },
		},
		{
			"T2 without T1",
			dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(40 * time.Minute)),
			func(l *Lease) { l.Rebind = 40 * time.Minute },
		},
		{
			"T1 after T2",
			func(m *dhcpv4.DHCPv4) {
				m.UpdateOption(dhcpv4.OptRenewTimeValue(2 * time.Minute))
				m.UpdateOption(dhcpv4.OptRebindingTimeValue(time.Minute))
			},
			func(*Lease) {},
		},
		{
			"both at the end",
			func(m *dhcpv4.DHCPv4) {
				m.UpdateOption(dhcpv4.OptRenewTimeValue(time.Hour))
				m.UpdateOption(dhcpv4.OptRebindingTimeValue(time.Hour))
			},
			func(*Lease) {},
		},
		{"T2 after the end", dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(2 * time.Hour)), func(*Lease) {}},
		{
			"no lease time",
			dhcpv4.WithoutOption(dhcpv4.OptionIPAddressLeaseTime),
			func(l *Lease) { l.Duration = 0 }, // which is taken for an hour
		},
		{
			"a lease for ever",
			dhcpv4.WithLeaseTime(0xffffffff),
			func(l *Lease) {
				l.Duration = 0xffffffff * time.Second
				l.Renew, l.Rebind = l.Duration/2, l.Duration/8*7
			},
		},
		{
			"a domain that ends in a dot and a NUL",
			dhcpv4.WithOption(dhcpv4.OptDomainName("home.example.test.\x00")),
			func(l *Lease) { l.Domain, l.Search = "home.example.test", []string{"home.example.test"} },
		},
		{
			"no domain",
			dhcpv4.WithoutOption(dhcpv4.OptionDomainName),
			func(l *Lease) { l.Domain, l.Search = "", nil },
		},
		{
			"a search list goes before the domain",
			searchDomains("a.example.test", "b.example.test"),
			func(l *Lease) { l.Search = []string{"a.example.test", "b.example.test"} },
		},
		{
			"a torn search list is as good as none",
			dhcpv4.WithGeneric(dhcpv4.OptionDNSDomainSearchList, []byte{63, 'a'}),
			func(*Lease) {},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := parseLease(onTheWire(t, soundACK(tt.say)...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(soundLease(tt.want), got, compareLeases); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseLeaseRefusesWhatWouldHarm(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  dhcpv4.Modifier
		want string
	}{
		{"no server", dhcpv4.WithoutOption(dhcpv4.OptionServerIdentifier), "no server identifier (option 54)"},
		{
			"a server without an address",
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4zero)),
			"no server identifier (option 54)",
		},
		{"a mask with a hole", dhcpv4.WithNetmask(net.IPMask{255, 0, 255, 0}), "impossible subnet mask 255.0.255.0"},
		{"a mask of nothing", dhcpv4.WithNetmask(net.CIDRMask(0, 32)), "impossible subnet mask 0.0.0.0"},
		{"a lease that has ended", dhcpv4.WithLeaseTime(0), "a lease time of 0 (option 51)"},
		{"no address", dhcpv4.WithYourIP(net.IPv4zero), "0.0.0.0 is no host's address"},
		{"a multicast address", dhcpv4.WithYourIP(net.IP{224, 0, 0, 5}), "224.0.0.5 is no host's address"},
		{"a loopback address", dhcpv4.WithYourIP(net.IP{127, 0, 0, 5}), "127.0.0.5 is no host's address"},
		{"everybody's address", dhcpv4.WithYourIP(net.IPv4bcast), "255.255.255.255 is no host's address"},
		{"the subnet's own address", dhcpv4.WithYourIP(net.IP{10, 77, 0, 0}), "10.77.0.0 is the network address of 10.77.0.0/16"},
		{
			"the subnet's broadcast address",
			dhcpv4.WithYourIP(net.IP{10, 77, 255, 255}),
			"10.77.255.255 is the broadcast address of 10.77.0.0/16",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lease, _, err := parseLease(onTheWire(t, soundACK(tt.say)...))
			if err == nil {
				t.Fatalf("taken: %+v", lease)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNoNameFromARouterWritesResolvConfLines(t *testing.T) {
	const nobody = "nameserver 10.77.0.1\n"
	for _, name := range []string{
		"lan\nnameserver 192.0.2.66",
		"lan\rnameserver 192.0.2.66",
		"lan\x00nameserver",
		"\x00",
		"lan example",
		"$(reboot)", "`reboot`", "lan;reboot", "lan&reboot", "lan|reboot", "'lan'", `"lan"`, `lan\`, "lan#", "../lan",
		".", "-lan", "lan-",
		"\x1b[2Jlan", "l\u0430n.example.test", "\xff\xfe",
		strings.Repeat("a", 300),
		strings.Repeat("example.", 40) + "test",
	} {
		t.Run(fmt.Sprintf("%.40q", name), func(t *testing.T) {
			for option, say := range map[string]dhcpv4.Modifier{
				"domain name": dhcpv4.WithOption(dhcpv4.OptDomainName(name)),
				"search list": searchList119(name),
			} {
				lease, _, err := parseLease(onTheWire(t, soundACK(dhcpv4.WithoutOption(dhcpv4.OptionDomainName), say)...))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(nobody, ResolvConf(lease.Search, lease.DNS)); diff != "" {
					t.Errorf("as %s: %s", option, diff)
				}
			}
		})
	}
}

// searchList119 is a search list of one name, cut into labels of 60 bytes
// where it has no dots.
func searchList119(name string) dhcpv4.Modifier {
	var wire []byte
	for _, label := range strings.Split(name, ".") {
		for len(label) > 60 {
			wire, label = append(append(wire, 60), label[:60]...), label[60:]
		}
		wire = append(append(wire, byte(len(label))), label...)
	}
	return dhcpv4.WithGeneric(dhcpv4.OptionDNSDomainSearchList, append(wire, 0))
}

func TestResolvConfSaysWhatTheLeaseSays(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  dhcpv4.Modifier
		want string
	}{
		{
			"an ordinary router", func(*dhcpv4.DHCPv4) {},
			"search lan.example.test\nnameserver 10.77.0.1\n",
		},
		{
			"several domains and servers",
			func(m *dhcpv4.DHCPv4) {
				searchDomains("a.example.test", "b.example.test")(m)
				dhcpv4.WithDNS(net.IP{8, 8, 8, 8}, net.IP{1, 1, 1, 1})(m)
			},
			"search a.example.test b.example.test\nnameserver 8.8.8.8\nnameserver 1.1.1.1\n",
		},
		{
			"the sound names of a list with a bad one",
			searchDomains("a.example.test", "b\nnameserver", "c_d.example-e.test"),
			"search a.example.test c_d.example-e.test\nnameserver 10.77.0.1\n",
		},
		{
			"neither domain nor server",
			func(m *dhcpv4.DHCPv4) {
				m.Options.Del(dhcpv4.OptionDomainName)
				m.Options.Del(dhcpv4.OptionDomainNameServer)
			},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lease, _, err := parseLease(onTheWire(t, soundACK(tt.say)...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, ResolvConf(lease.Search, lease.DNS)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestALeaseIsTheSameButForItsTime(t *testing.T) {
	a := soundLease(func(*Lease) {})
	renewed := soundLease(func(l *Lease) { l.Acquired, l.Duration = time.Now(), 2*time.Hour })
	moved := soundLease(func(l *Lease) { l.Gateway = netip.MustParseAddr("10.77.0.2") })
	if !a.Same(renewed) || a.Same(moved) {
		t.Errorf("renewed %v, moved %v; want true, false", a.Same(renewed), a.Same(moved))
	}
}
