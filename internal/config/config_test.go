package config

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/lab"
)

// ignoringOrigin compares configurations but for where their values come from.
var ignoringOrigin = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
	cmpopts.IgnoreFields(Config{}, "Origin"),
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		name string
		ping Ping
		want int
	}{
		{"the default sends four", Default().Ping, 4},
		{"a count replaces the duration", Ping{Duration: time.Hour, Interval: time.Second, Count: 3}, 3},
		{"a started interval does not count", Ping{Duration: 2900 * time.Millisecond, Interval: time.Second}, 2},
		{"at least one is sent", Ping{Duration: time.Millisecond, Interval: time.Second}, 1},
		{"no interval is no reason to panic", Ping{Duration: time.Second}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.ping.Requests(); got != test.want {
				t.Errorf("got %d requests, want %d", got, test.want)
			}
		})
	}
}

func TestSetFillsEveryField(t *testing.T) {
	var got Config
	for _, kv := range [][2]string{
		{"interface", "eth0.10"},
		{"clients.prefix", "client-"},
		{"clients.macvlan_mode", "vepa"},
		{"dhcp.timeout", "1m30s"},
		{"dhcp.in_flight", "8"},
		{"dhcp.conflict_detection", "true"},
		{"dhcp.vendor_class", "MSFT 5.0"},
		{"dns", "8.8.8.8, 1.1.1.1"},
		{"ping.duration", "10s"},
		{"ping.count", "5"},
		{"ping.interval", "10ms"},
		{"ping.timeout", "1ms"},
		{"ping.max_loss", "2.5%"},
		{"ping.min_answered", "99"},
		{"targets.router", "192.168.1.1"},
		{"targets.google_dns", "8.8.4.4"},
		{"lab.subnet", "10.0.0.0/8"},
		{"lab.pool", "100000"},
		{"lab.lease_time", "8760h"},
		{"lab.server", "kea"},
		{"lab.ping_check", "true"},
		{"lab.faults", "no-gateway, loss 2.50%"},
		{"router.name", "FRITZ!Box 7590"},
		{"router.firmware", "8.02"},
		{"results.dir", "/tmp/results"},
		{"results.keep", "5"},
		{"results.capture", "never"},
		{"router.before", "./reset.sh 192.168.1.1"},
		{"run.name", "^Ten"},
		{"run.failed", "true"},
		{"run.repeat", "20"},
		{"run.labels", "room=lab2, a=b=c"},
		{"known", `{"Ten clients": "QA-12, 13"}`},
		{"godog.tags", "@smoke"},
		{"godog.format", "progress, junit:report.xml"},
	} {
		if err := got.Set(kv[0], kv[1]); err != nil {
			t.Error(err)
		}
	}
	want := Config{
		Interface: "eth0.10",
		Clients:   Clients{Prefix: "client-", MacvlanMode: "vepa"},
		DHCP:      DHCP{Timeout: 90 * time.Second, InFlight: 8, ConflictDetection: true, VendorClass: "MSFT 5.0"},
		DNS:       []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("1.1.1.1")},
		Ping: Ping{
			Duration: 10 * time.Second, Count: 5, Interval: 10 * time.Millisecond,
			Timeout: time.Millisecond, MaxLoss: 2.5, MinAnswered: 99,
		},
		Targets: Targets{Router: netip.MustParseAddr("192.168.1.1"), GoogleDNS: netip.MustParseAddr("8.8.4.4")},
		Lab: lab.Options{
			Subnet: netip.MustParsePrefix("10.0.0.0/8"), Pool: 100000, LeaseTime: 8760 * time.Hour,
			Server: "kea", PingCheck: true, Faults: []fault.Fault{"no-gateway", "loss 2.5%"},
		},
		Router:  Router{Name: "FRITZ!Box 7590", Firmware: "8.02", Before: "./reset.sh 192.168.1.1"},
		Results: Results{Dir: "/tmp/results", Keep: 5, Capture: "never"},
		Run:     Run{Name: "^Ten", Failed: true, Repeat: 20, Labels: []string{"room=lab2", "a=b=c"}},
		Known:   map[string]string{"Ten clients": "QA-12, 13"},
		Godog:   Godog{Tags: "@smoke", Format: "progress,junit:report.xml"},
	}
	if diff := cmp.Diff(want, got, ignoringOrigin); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestSetRefuses(t *testing.T) {
	for _, test := range []struct{ name, key, value, want string }{
		{"an unknown key", "dhcp.timout", "5s", "dhcp.timout: unknown key (did you mean dhcp.timeout?)"},
		{"a section", "dhcp", "5s", "dhcp: a section, not a key"},
		{"a server that nobody knows", "lab.server", "bind", `lab.server: "bind" is not one of builtin, dnsmasq, kea, dhcpd, udhcpd, networkd`},
		{"a bad value", "ping.count", "many", `ping.count: "many" is not a whole number`},
		{"a pool that the subnet cannot hold", "lab.pool", "70000", "lab.pool: a pool of 70000 addresses does not fit in 10.77.0.0/16 (at most 65525)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			err := c.Set(test.key, test.value)
			if err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(Default(), c, ignoringOrigin); diff != "" {
				t.Errorf("a refused value left a mark:\n%s", diff)
			}
		})
	}
}

func TestDefaultPoolFollowsTheSubnet(t *testing.T) {
	c := Default()
	for _, test := range []struct {
		subnet string
		want   int
	}{
		{"10.0.0.0/24", 245}, {"10.0.0.0/28", 5}, {"10.0.0.0/8", defaultPool},
	} {
		if err := c.Set("lab.subnet", test.subnet); err != nil {
			t.Fatal(err)
		}
		if c.Lab.Pool != test.want {
			t.Errorf("%s: got a pool of %d, want %d", test.subnet, c.Lab.Pool, test.want)
		}
	}
}
