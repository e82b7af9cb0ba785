package lab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func needDnsmasq(t *testing.T) {
	t.Helper()
	nstest.Need(t)
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		t.Skip("needs dnsmasq: install it (apt install dnsmasq-base)")
	}
}

func withDnsmasq(faults ...lab.Fault) lab.Options {
	opts := ordinary(faults...)
	opts.Server = lab.Dnsmasq
	return opts
}

func TestClientsOfDnsmasqSee(t *testing.T) {
	needDnsmasq(t)
	for _, tt := range []struct {
		name  string
		fault []lab.Fault
		want  func(*answers)
	}{
		{"everything behind a router without faults", nil, func(*answers) {}},
		{"nothing at all of a router that is silent on DHCP", []lab.Fault{lab.SilentDHCP},
			func(a *answers) { *a = answers{Address: "no offer"} }},
		{"only the router when their leases name no gateway", []lab.Fault{lab.NoGateway},
			func(a *answers) {
				a.Gateway, a.GooglePing, a.GoogleDNS, a.Web = "invalid IP", false, noAnswer, noAnswer
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := healthy()
			tt.want(&want)
			got := see(t, startLab(t, withDnsmasq(tt.fault...)))
			if want.Address == healthy().Address && strings.HasPrefix(got.Address, "10.77.0.") {
				got.Address = want.Address // dnsmasq chooses by a hash of the MAC address
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDnsmasqCountsItsLeases(t *testing.T) {
	needDnsmasq(t)
	opts := withDnsmasq()
	opts.Pool = 3
	l := startLab(t, opts)
	awaitLeases(t, l, 0)
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	awaitLeases(t, l, 3)
	for _, c := range m.Clients() {
		if a := c.Lease.Address.String(); a < "10.77.0.10/16" || a > "10.77.0.12/16" {
			t.Errorf("%s has %s, which is not of the pool", c.Name, a)
		}
		if c.Lease.Duration != opts.LeaseTime {
			t.Errorf("%s has its address for %s, want %s", c.Name, c.Lease.Duration, opts.LeaseTime)
		}
	}
	file := filepath.Join("/run/lanstorm", l.Parent, "dnsmasq.leases")
	if leases, err := os.ReadFile(file); err != nil || !strings.Contains(string(leases), m.Clients()[0].MAC.String()) {
		t.Errorf("%s does not name the first client: %q, %v", file, leases, err)
	}
	if err := m.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLeases(t, l, 0)
}

func TestALabWithDnsmasqLeavesTheMachineAsFound(t *testing.T) {
	needDnsmasq(t)
	useOnce(t, withDnsmasq())
	leavesNothing(t, func() { useOnce(t, withDnsmasq()) })
}

func TestALabThatCannotHaveDnsmasqSaysWhy(t *testing.T) {
	nstest.Need(t)
	useOnce(t, ordinary())
	for _, tt := range []struct {
		name, path string
		opts       lab.Options
		want       string
	}{
		{"it cannot be silent on DNS", os.Getenv("PATH"), withDnsmasq(lab.SilentDNS),
			"lab: fault silent-dns: dnsmasq cannot do that, set lab.server to builtin"},
		{"it is not installed", t.TempDir(), withDnsmasq(),
			"lab: the server is to be dnsmasq, which is not installed: " +
				"install it (apt install dnsmasq-base) or set lab.server to builtin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", tt.path)
			leavesNothing(t, func() {
				l, err := lab.Start(tt.opts)
				if err == nil {
					l.Close()
					t.Fatal("the lab stands")
				}
				if err.Error() != tt.want {
					t.Errorf("%v\nwant %s", err, tt.want)
				}
			})
		})
	}
}

func TestALabSaysWhatDnsmasqSaidBeforeItEnded(t *testing.T) {
	needDnsmasq(t)
	useOnce(t, withDnsmasq())
	opts := withDnsmasq()
	opts.Pool = -20 // a range that ends before it begins
	leavesNothing(t, func() {
		l, err := lab.Start(opts)
		if err == nil {
			l.Close()
			t.Fatal("the lab stands")
		}
		if !strings.HasPrefix(err.Error(), "lab: dnsmasq: ended at once: dnsmasq: ") {
			t.Error(err)
		}
	})
}
