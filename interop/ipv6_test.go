package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestClientsMeetARouterOfIPv6(t *testing.T) {
	nstest.Need(t)
	for _, router := range []router6{routers6[3], routers6[5]} { // of two programs, and of one with a folder of its own
		t.Run(router.Name, func(t *testing.T) {
			t.Parallel()
			if packages := missing(router.packages()...); packages != nil {
				t.Skipf("needs apt install %s", strings.Join(packages, " "))
			}
			r, err := try6(t.Context(), router, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range r.judge() {
				t.Error(line)
			}
			if r.Global != 3 || r.Names != 3 || r.Last <= 0 || r.Made+r.DHCP != 3 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTheLabItselfSaysNothingByIPv6(t *testing.T) {
	nstest.Need(t)
	t.Parallel()
	r, err := try6(t.Context(), router6{slaac: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Global+r.Names+r.Answered > 0 || len(r.judge()) != 2 {
		t.Errorf("%+v: %q", r, r.judge())
	}
}

func TestLeasesAreCountedInFiles(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		count      func(string, time.Time) int
		want       int
	}{
		{"dnsmasq's, after its identifier and leases of IPv4", `1796119066 02:c8:37:81:00:01 10.77.0.10 * *
duid 00:01:00:01:32:a0:05:17:02:4c:53:00:00:01
1796119066 931201025 2001:db8:77::fa56 * 00:03:00:01:02:c8:37:81:00:01
1796119065 931201026 2001:db8:77::c7d8 ns2 00:03:00:01:02:c8:37:81:00:02
`, routers6[2].programs[0].Count, 2},
		{"Kea's, of which one was given back", `address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type
2001:db8:77::1000,00:03:00:01:02:c8:37:81:00:02,7200,1796039873,1,3600,0
2001:db8:77::1001,00:03:00:01:02:c8:37:81:00:01,7200,1796039873,1,3600,0
2001:db8:77::1000,00:03:00:01:02:c8:37:81:00:02,0,1796032673,1,0,0
`, kea.Count, 1},
		{"dhcpd's, of which one was given back", `server-duid "\000\001";
ia-na "\002" {
  iaaddr 2001:db8:77::e6ef {
    binding state active;
  }
}
ia-na "\001" {
  iaaddr 2001:db8:77::882a {
    binding state active;
  }
}
ia-na "\002" {
  iaaddr 2001:db8:77::e6ef {
    binding state released;
  }
}
`, dhcpd.Count, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := tt.count(tt.file, time.Time{}); n != tt.want {
				t.Errorf("%d, want %d", n, tt.want)
			}
		})
	}
}

func TestWhatMustNotBeByIPv6IsSaid(t *testing.T) {
	const n = 10
	made := row6{router6: router6{Name: "r", slaac: true}, Clients: n, Global: n, Made: n, Names: n, Answered: n}
	leased := row6{router6: router6{Name: "k", dhcp: true}, Clients: n, Global: n, DHCP: n, Names: n, Answered: n, Held: n}
	with := func(r row6, change func(*row6)) row6 { change(&r); return r }
	for _, tt := range []struct {
		name string
		row  row6
		want []string
	}{
		{"nothing of addresses that clients make", made, nil},
		{"nothing of leased ones", leased, nil},
		{"nothing of remarks and names, which are the router's", with(made, func(r *row6) { r.Names, r.Remarks = 0, "so" }), nil},
		{"that some have made none", with(made, func(r *row6) { r.Made = 9 }), []string{"r: 9 of 10 clients have an address by SLAAC"}},
		{"that some were leased none", with(leased, func(r *row6) { r.DHCP = 9 }), []string{"k: 9 of 10 clients have an address by DHCPv6"}},
		{"that the router does not answer", with(made, func(r *row6) { r.Answered = 0 }), []string{"r: 0 of 10 clients got an answer from the router by IPv6"}},
		{"that the server's file is not read right", with(leased, func(r *row6) { r.Held = 0 }), []string{"k: 0 of 10 clients are in the server's lease file"}},
		{"that leases are left", with(leased, func(r *row6) { r.Left = 2 }), []string{"k, 10 clients: 2 leases are left with the server after cleanup"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, (&document{IPv6: []row6{tt.row}}).judge()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestIPv6IsTheLastSectionAndAPart(t *testing.T) {
	d := &document{IPv6: []row6{
		{router6: router6{Name: "r", slaac: true}, Clients: 10, Global: 10, Made: 10, Last: 3010 * time.Millisecond, Names: 9, Answered: 8, Remarks: "so"},
		{router6: router6{Name: "k", dhcp: true}, Clients: 100, DHCP: 100, Held: 100, Left: 1},
	}}
	section, err := d.text("ipv6")
	if err != nil {
		t.Fatal(err)
	}
	const want = `|
| r |  | 10 | 10 | 10 | 0 | 3.010 s | 9 | 8 | - | - | so |
| k |  | 100 | 0 | 0 | 100 | - | 0 | 0 | 100 | 1 | - |
`
	if !strings.HasPrefix(section, "## IPv6\n\n") || !strings.HasSuffix(section, want) {
		t.Errorf("%s\nwant a heading and, at the end, %s", section, want)
	}
	whole := text(t, d)
	if !strings.HasSuffix(whole, "\n\n"+section) {
		t.Errorf("%s\nwant at its end %s", whole, section)
	}
	if got := keep([]byte(whole), section); got != whole {
		t.Errorf("the same section in its own place: %s", cmp.Diff(whole, got))
	}
	without, _, _ := strings.Cut(whole, "## IPv6\n")
	if got := keep([]byte(without), section); got != whole {
		t.Errorf("its first time: %s", cmp.Diff(whole, got))
	}
}
