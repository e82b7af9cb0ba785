package netmgr_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

var (
	lan6       = netip.MustParsePrefix("2001:db8:77::/64")
	router6    = netip.MustParseAddr("2001:db8:77::1")
	googleDNS6 = netip.MustParseAddr("2001:4860:4860::8888")
)

func labOf(way lab.IPv6, faults ...lab.Fault) lab.Options {
	opts := brokenLab(faults...)
	opts.IPv6 = way
	return opts
}

// settled makes dual clients, and waits for their IPv6.
func settled(t *testing.T, opts lab.Options, n int) (*lab.Lab, *netmgr.NetworkManager) {
	t.Helper()
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: prefix(), IPFamily: netmgr.Dual, DHCPTimeout: 20 * time.Second})
	create(t, m, n)
	if err := m.Await6(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, m
}

var prefixes atomic.Int32

// prefix is one for clients beside those of other tests.
func prefix() string { return "v" + string(rune('a'+prefixes.Add(1))) }

func first(problems []netmgr.Problem) string {
	if len(problems) == 0 {
		return ""
	}
	return problems[0].Err.Error()
}

func TestClientsHaveWhatTheRouterOffers(t *testing.T) {
	for _, tt := range []struct {
		way     lab.IPv6
		slaac   bool // an address that clients make
		managed bool // one by DHCPv6
		missing string
	}{
		{lab.SLAAC, true, false, ""},
		{lab.Stateless, true, false, ""},
		{lab.Stateful, false, true, ""},
		{lab.Both, true, true, ""},
		{lab.NoIPv6, false, false, "no router advertisement in "},
	} {
		t.Run(string(tt.way), func(t *testing.T) {
			t.Parallel()
			l, m := settled(t, labOf(tt.way), 5)
			if missing := first(m.Without6()); !strings.HasPrefix(missing, tt.missing) || (missing == "") != (tt.missing == "") {
				t.Fatalf("without IPv6: %q, want %q", missing, tt.missing)
			}
			for _, c := range m.Clients() {
				made := false
				for _, a := range c.Global6() {
					made = made || a.Addr() != c.ByDHCPv6() && lan6.Contains(a.Addr())
				}
				if made != tt.slaac || c.ByDHCPv6().IsValid() != tt.managed {
					t.Errorf("%s has %v, %s by DHCPv6", c.Name, c.Global6(), c.ByDHCPv6())
				}
				named := func() bool {
					text, err := os.ReadFile("/etc/netns/" + c.Name + "/resolv.conf")
					return err == nil && strings.Contains(string(text), "nameserver "+router6.String()+"\n")
				}
				if tt.missing == "" {
					await(t, "programs of "+c.Name+" know the name server", named) // soon after the address
				} else if named() {
					t.Errorf("programs of %s know a name server that nobody has told", c.Name)
				}
			}
			if tt.missing == "" {
				if names := m.WithoutNames6(); names != nil {
					t.Error(names)
				}
				for _, target := range []netmgr.Target{netmgr.Router6, netmgr.Host6(googleDNS6), netmgr.Host6(router6)} {
					for _, r := range m.PingAll(t.Context(), target, netmgr.Ping{Count: 1}) {
						if r.Received != 1 {
							t.Errorf("%s to %s: %s", r.Client, r.Target, r.Reason)
						}
					}
				}
			}
			if problems := m.SameInterface(); problems != nil {
				t.Error(problems)
			}
			if remarks := m.Remarks6(); len(remarks) > 0 {
				t.Error(netmgr.RemarkLines(remarks, 5))
			}
			cleanup(t, m)
			if n, err := l.Leases6(); n != 0 || err != nil {
				t.Errorf("the router holds %d DHCPv6 leases after the clients gave them back (%v)", n, err)
			}
		})
	}
}

func TestClientsThatSpeakNothingButIPv6(t *testing.T) {
	for _, way := range []lab.IPv6{lab.SLAAC, lab.Stateful} {
		t.Run(string(way), func(t *testing.T) {
			t.Parallel()
			l := startLab(t, labOf(way))
			m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: prefix(), IPFamily: netmgr.IPv6})
			for _, c := range create(t, m, 5) {
				if len(c.Global6()) == 0 || c.HasLease() {
					t.Errorf("%s: %v, lease %v", c.Name, c.Global6(), c.Lease())
				}
			}
			if problems := m.Unreachable6(t.Context(), netmgr.Ping{Count: 2, Interval: 100 * time.Millisecond}); problems != nil {
				t.Error(problems)
			}
			if n, err := l.Leases(); n != 0 || err != nil {
				t.Errorf("%d IPv4 leases (%v)", n, err)
			}
		})
	}
	t.Run("of a router without IPv6", func(t *testing.T) {
		t.Parallel()
		l := startLab(t, labOf(lab.NoIPv6))
		m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: prefix(), IPFamily: netmgr.IPv6, DHCPTimeout: 6 * time.Second})
		err := m.CreateClients(t.Context(), 2)
		var failed *netmgr.CreateError
		if !errors.As(err, &failed) || failed.Failed[0].Stage != netmgr.StageAddress || !strings.Contains(err.Error(), "no router advertisement in ") {
			t.Error(err)
		}
	})
}

// What a router does wrong is told of each client, by name.
func TestWhyThereIsNoIPv6(t *testing.T) {
	for _, tt := range []struct {
		fault lab.Fault
		judge func(*netmgr.NetworkManager) []netmgr.Problem
		want  string
	}{
		{"no-ra", (*netmgr.NetworkManager).Without6, "no router advertisement in "},
		{"silent-dhcp6", (*netmgr.NetworkManager).WithoutDHCPv6, "DHCPv6: no answer to "},
		{"duplicate-ipv6", (*netmgr.NetworkManager).Without6, "another host has 2001:db8:77:"},
		{"duplicate-ipv6", (*netmgr.NetworkManager).Duplicates6, "another host has 2001:db8:77:"},
		{"no-rdnss", (*netmgr.NetworkManager).WithoutNames6, "fe80::4c:53ff:fe00:1 names no DNS server (RDNSS, RFC 8106)"},
		{"ra-lifetime-0", func(m *netmgr.NetworkManager) []netmgr.Problem {
			_, err := m.Clients()[0].Router6()
			return []netmgr.Problem{m.Clients()[0].Problem(err)}
		}, "no default router for IPv6: fe80::4c:53ff:fe00:1 advertises a router lifetime of 0"},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			l := startLab(t, labOf(lab.SLAAC, tt.fault))
			m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: prefix(), IPFamily: netmgr.Dual, DHCPTimeout: 5 * time.Second})
			create(t, m, 2)
			if err := m.Await6(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := first(tt.judge(m)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAPrefixThatIsNoMore(t *testing.T) {
	for fault, stale := range map[lab.Fault]bool{"reboot-prefix": false, "stale-prefix": true} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			l, m := settled(t, labOf(lab.SLAAC, fault), 3)
			down, err := l.Reboot()
			if err != nil {
				t.Fatal(err)
			}
			problems, err := m.Stale6(t.Context(), down, time.Now().Add(20*time.Second))
			if err != nil || (len(problems) == 3) != stale || (len(problems) == 0) == stale {
				t.Errorf("%v (%v)", problems, err)
			}
		})
	}
}

// Clients may go before their IPv6 has come.
func TestCleanupDoesNotWaitForIPv6(t *testing.T) {
	l := startLab(t, labOf(lab.Stateful))
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: prefix(), IPFamily: netmgr.Dual})
	before := traces(t)
	for _, wait := range []time.Duration{0, 1500 * time.Millisecond, 2500 * time.Millisecond, 3500 * time.Millisecond} {
		create(t, m, 20)
		time.Sleep(wait) // until nothing has begun, some have asked, some have been granted something
		if err := m.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
		if after := traces(t); strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("before: %q\nafter: %q", before, after)
		}
		if n, err := l.LeasesLeft(t.Context()); n != 0 || err != nil {
			t.Errorf("after %s the router holds %d leases (%v)", wait, n, err)
		}
	}
}
