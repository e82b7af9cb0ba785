package ra

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
)

var (
	routerAddr = netip.MustParseAddr("fe80::1")
	otherAddr  = netip.MustParseAddr("fe80::2")
	routerMAC  = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	lan        = netip.MustParsePrefix("2001:db8:77::/64")
	nameServer = netip.MustParseAddr("2001:db8:77::1")
)

// good is what a router says that follows the standards.
func good() *ndp.RouterAdvertisement {
	return &ndp.RouterAdvertisement{RouterLifetime: 1800 * time.Second, Options: []ndp.Option{
		&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: routerMAC},
		prefix(lan, 5400*time.Second, 2700*time.Second),
		&ndp.RecursiveDNSServer{Lifetime: 1800 * time.Second, Servers: []netip.Addr{nameServer}},
		&ndp.DNSSearchList{Lifetime: 1800 * time.Second, DomainNames: []string{"lan.example.test"}},
	}}
}

func prefix(p netip.Prefix, valid, preferred time.Duration) *ndp.PrefixInformation {
	return &ndp.PrefixInformation{
		PrefixLength: uint8(p.Bits()), Prefix: p.Addr(), OnLink: true, AutonomousAddressConfiguration: true,
		ValidLifetime: valid, PreferredLifetime: preferred,
	}
}

func wire(tb testing.TB, ra *ndp.RouterAdvertisement) []byte {
	tb.Helper()
	b, err := ndp.MarshalMessage(ra)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestWhatHostsLearn(t *testing.T) {
	var r Routers
	if !r.Hear(routerAddr, routerMAC, true, wire(t, good())) {
		t.Error("the first advertisement is no news")
	}
	if r.Hear(routerAddr, routerMAC, false, wire(t, good())) {
		t.Error("the same again is news")
	}
	managed := good()
	managed.ManagedConfiguration = true
	if !r.Hear(routerAddr, routerMAC, false, wire(t, managed)) {
		t.Error("another flag is no news")
	}
	n, ok := r.Default()
	if !ok || n.Addr != routerAddr || !n.Managed || n.Other || !n.SLAAC() {
		t.Errorf("%t %+v", ok, n)
	}
	servers, search := r.Names()
	if fmt.Sprint(servers, search) != "[2001:db8:77::1] [lan.example.test]" {
		t.Error(servers, search)
	}
	synctest.Test(t, func(t *testing.T) {
		var r Routers
		r.Hear(routerAddr, routerMAC, true, wire(t, good()))
		time.Sleep(1800 * time.Second)
		_, ok := r.Default()
		if servers, search := r.Names(); ok || servers != nil || search != nil {
			t.Errorf("half an hour later: %t %v %v", ok, servers, search)
		}
	})
	gone := good()
	gone.RouterLifetime = 0
	r.Hear(routerAddr, routerMAC, false, wire(t, gone))
	if n, ok := r.Default(); ok {
		t.Errorf("a router with lifetime 0 is a default router: %s", n)
	}
	if remarks := r.Remarks(); len(remarks) > 0 {
		t.Errorf("a good router is remarked on: %v", remarks)
	}
}

// What is said of routers that do not follow the standards, and of none that does.
func TestRemarks(t *testing.T) {
	changed := func(change func(*ndp.RouterAdvertisement)) *ndp.RouterAdvertisement {
		ra := good()
		change(ra)
		return ra
	}
	each := func(n int, gap time.Duration, ra *ndp.RouterAdvertisement) func(*testing.T, *Routers) {
		return func(t *testing.T, r *Routers) {
			for range n {
				r.Hear(routerAddr, routerMAC, true, wire(t, ra))
				time.Sleep(gap)
			}
		}
	}
	once := func(ra *ndp.RouterAdvertisement) func(*testing.T, *Routers) { return each(1, 0, ra) }
	for _, tt := range []struct {
		name string
		say  func(*testing.T, *Routers)
		want string // RFC of the only remark; a dash: a remark without; empty: none
	}{
		{"good", once(good()), ""},
		{"good, each 10 seconds", each(10, 10*time.Second, good()), ""},
		{"good, and away for an hour", func(t *testing.T, r *Routers) {
			each(5, 200*time.Second, good())(t, r)
			time.Sleep(time.Hour)
			each(5, 200*time.Second, good())(t, r)
		}, ""},
		{"no source address", once(changed(func(ra *ndp.RouterAdvertisement) { ra.Options = ra.Options[1:] })), "4861 §6.2.3"},
		{"long router lifetime", once(changed(func(ra *ndp.RouterAdvertisement) { ra.RouterLifetime = 9000 * time.Second })), "9096 §3.4"},
		{"long prefix lifetimes", once(changed(func(ra *ndp.RouterAdvertisement) {
			ra.Options[1] = prefix(lan, 30*24*time.Hour, 7*24*time.Hour)
		})), "9096 §3.4"},
		{"preferred beyond valid", once(changed(func(ra *ndp.RouterAdvertisement) { ra.Options[1] = prefix(lan, 1800*time.Second, 2700*time.Second) })), "4861 §4.6.2"},
		{"a /56 for addresses", once(changed(func(ra *ndp.RouterAdvertisement) {
			ra.Options[1] = prefix(netip.MustParsePrefix("2001:db8::/56"), time.Hour, time.Hour/2)
		})), "4862 §5.5.3"},
		{"small MTU", once(changed(func(ra *ndp.RouterAdvertisement) { ra.Options = append(ra.Options, &ndp.MTU{MTU: 1000}) })), "8200 §5"},
		{"name servers for too short", each(6, 700*time.Second, good()), "8106 §5.1"},
		{"too often", each(2, time.Second, good()), "4861 §6.2.6"},
		{"two routers", func(t *testing.T, r *Routers) {
			once(good())(t, r)
			r.Hear(otherAddr, routerMAC, true, wire(t, good()))
		}, "-"},
		{"dropped", func(t *testing.T, r *Routers) { r.Refused(routerAddr, "its hop limit is not 255") }, "4861 §6.1.2"},
		{"not readable", func(t *testing.T, r *Routers) { r.Hear(routerAddr, routerMAC, true, wire(t, good())[:20]) }, "4861 §6.1.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r Routers
				tt.say(t, &r)
				var got []string
				for _, m := range r.Remarks() {
					if m.RFC == "" {
						m.RFC = "-"
					}
					got = append(got, m.RFC)
				}
				if diff := cmp.Diff(strings.Fields(strings.ReplaceAll(tt.want, " §", "§")), strings.Fields(strings.ReplaceAll(strings.Join(got, "\n"), " §", "§"))); diff != "" {
					t.Errorf("%s\n%v", diff, r.Remarks())
				}
			})
		})
	}
}

// Whatever is sent, what is kept of it is bounded.
func TestAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ra := good()
		for i := range 200 {
			ra.Options = append(ra.Options, prefix(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i)}), 64), time.Hour, time.Hour/2))
		}
		msg := wire(t, ra)
		var r Routers
		for i := range 10_000 {
			addr := routerAddr.As16()
			addr[15] = byte(i)
			r.Hear(netip.AddrFrom16(addr), routerMAC, true, msg)
		}
		list := r.List()
		if len(list) != mostRouters || len(list[0].Prefixes) != mostOptions || len(list[0].multicast) > flood {
			t.Errorf("%d routers, %d prefixes", len(list), len(list[0].Prefixes))
		}
		kinds := map[string]bool{}
		for _, m := range r.Remarks() {
			kinds[m.What] = true
		}
		for _, want := range []string{"a flood of advertisements", "advertisements of more than 16 routers", "two default routers"} {
			if !kinds[want] {
				t.Errorf("no word of %q: %v", want, r.Remarks())
			}
		}
	})
}

func FuzzHear(f *testing.F) {
	f.Add(wire(f, good()))
	zero := append(wire(f, good())[:16], 1, 0)
	f.Add(zero) // an option without a length
	f.Add(append(wire(f, good()), 3, 9, 1, 2))
	f.Add([]byte{134})
	f.Fuzz(func(t *testing.T, msg []byte) {
		var r Routers
		for range 3 {
			r.Hear(routerAddr, routerMAC, true, msg)
		}
		for _, n := range r.List() {
			if len(n.Prefixes) > mostOptions || len(n.DNS) > mostOptions || len(n.Search) > mostOptions {
				t.Errorf("%+v", n)
			}
			for _, name := range n.Search {
				if dhcp4.DomainName(name) == "" {
					t.Errorf("%q may reach resolv.conf", name)
				}
			}
			_ = n.String()
		}
	})
}

// One option that makes no sense does not make hosts deaf for the others.
func TestAnOddOption(t *testing.T) {
	const rdnss, halves = 25, 2 // of an address
	msg := append(wire(t, good()), rdnss, halves, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0)
	var r Routers
	if !r.Hear(routerAddr, routerMAC, true, msg) {
		t.Error("no news")
	}
	if n, ok := r.Default(); !ok || len(n.DNS) != 1 || !n.SLAAC() {
		t.Errorf("%+v", n)
	}
	if remarks := r.Remarks(); len(remarks) != 1 || !strings.Contains(remarks[0].String(), "option 25") {
		t.Error(remarks)
	}
	if r.Hear(routerAddr, routerMAC, true, append(wire(t, good()), 25, 0)) {
		t.Error("an empty option is put up with")
	}
}
