package lab_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// program is a server that somebody else wrote.
type program struct {
	server               lab.Server
	command, pkg         string
	leaseFile, complaint string
}

var programs = []program{
	{lab.Dnsmasq, "dnsmasq", "dnsmasq-base", "dnsmasq.leases", "dnsmasq: "},
	{lab.Kea, "kea-dhcp4", "kea-dhcp4-server", "kea-leases4.csv", "DHCP4_INIT_FAIL"},
	{lab.Dhcpd, "dhcpd", "isc-dhcp-server", "dhcpd.leases", "bad range, "},
	{lab.Udhcpd, "udhcpd", "udhcpd", "udhcpd.leases", "udhcpd: "},
	{lab.Networkd, "/lib/systemd/systemd-networkd", "systemd", "", ""}, // refuses nothing that a lab asks for
}

// counting are the servers that tell how many leases they hold.
var counting = []lab.Server{lab.Builtin, lab.Dnsmasq, lab.Kea, lab.Dhcpd, lab.Udhcpd}

// need skips the test when the server is a program that is not installed.
func need(t *testing.T, server lab.Server) {
	t.Helper()
	nstest.Need(t)
	for _, p := range programs {
		if _, err := exec.LookPath(p.command); p.server == server && err != nil {
			t.Skipf("needs %s: install it (apt install %s)", p.command, p.pkg)
		}
	}
}

// with is a router that the program serves.
func with(server lab.Server, faults ...lab.Fault) lab.Options {
	opts := ordinary(faults...)
	opts.Server = server
	return opts
}

// eachProgram runs a test once for every program that is installed.
func eachProgram(t *testing.T, test func(*testing.T, program)) {
	for _, p := range programs {
		t.Run(string(p.server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need(t, p.server)
			test(t, p)
		})
	}
}

func TestClientsOfAProgramSee(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault []lab.Fault
		want  func(*answers)
	}{
		{"everything behind a router without faults", nil, func(*answers) {}},
		{"nothing at all of a router that is silent on DHCP", []lab.Fault{"silent-dhcp"},
			func(a *answers) { *a = answers{Address: "no offer"} }},
		{"only the router when their leases name no gateway", []lab.Fault{"no-gateway"},
			func(a *answers) {
				a.Gateway, a.GooglePing, a.GoogleDNS, a.Web = "invalid IP", false, noAnswer, noAnswer
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachProgram(t, func(t *testing.T, p program) {
				want := healthy()
				tt.want(&want)
				got := see(t, startLab(t, with(p.server, tt.fault...)))
				if want.Address == healthy().Address && strings.HasPrefix(got.Address, "10.77.0.") {
					got.Address = want.Address // dnsmasq chooses by a hash of the MAC address
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func TestAProgramCountsItsLeases(t *testing.T) {
	t.Parallel()
	eachProgram(t, func(t *testing.T, p program) {
		opts := with(p.server)
		opts.Pool = 3
		l := startLab(t, opts)
		if !slices.Contains(counting, p.server) {
			if _, err := l.Leases(); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v, want errors.ErrUnsupported", err)
			}
			return
		}
		awaitLeases(t, l, 0)
		m := newManager(t, l)
		if err := m.CreateClients(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		awaitLeases(t, l, 3)
		for _, c := range m.Clients() {
			if a := c.Lease().Address.String(); a < "10.77.0.10/16" || a > "10.77.0.12/16" {
				t.Errorf("%s has %s, which is not of the pool", c.Name, a)
			}
			if c.Lease().Duration != opts.LeaseTime {
				t.Errorf("%s has its address for %s, want %s", c.Name, c.Lease().Duration, opts.LeaseTime)
			}
		}
		file := filepath.Join("/run/lanstorm", l.Parent, p.leaseFile)
		mac := m.Clients()[0].MAC
		if leases, err := os.ReadFile(file); err != nil || !strings.Contains(string(leases), mac.String()) && !strings.Contains(string(leases), string(mac)) {
			t.Errorf("%s does not name the first client: %q, %v", file, leases, err)
		}
		if err := m.Cleanup(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitLeases(t, l, 0)
	})
}

// A program that is told something new is started anew, and its clients must
// not notice.
func TestAProgramKeepsItsLeases(t *testing.T) {
	t.Parallel()
	eachProgram(t, func(t *testing.T, p program) {
		if !slices.Contains(counting, p.server) {
			t.Skip("it keeps them in memory, and tells nobody of them")
		}
		l := startLab(t, with(p.server))
		m := newManager(t, l)
		if err := m.CreateClients(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for _, f := range []lab.Fault{"no-gateway", "no-dns", "silent-dhcp"} {
			breaks(t, l, f)
			awaitLeases(t, l, 2)
		}
		heals(t, l)
		awaitLeases(t, l, 2)
		if err := m.CreateClients(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		awaitLeases(t, l, 3)
		if m.Clients()[2].Lease().Gateway != l.Router {
			t.Errorf("healed, it names the gateway %s", m.Clients()[2].Lease().Gateway)
		}
		if err := m.Cleanup(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitLeases(t, l, 0)
	})
}

// Servers that look first whether an address is free are given time to.
func TestAPingCheckTakesItsTime(t *testing.T) {
	t.Parallel()
	for server, least := range map[lab.Server]time.Duration{lab.Dnsmasq: 2 * time.Second, lab.Dhcpd: 900 * time.Millisecond} {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need(t, server)
			opts := with(server)
			opts.PingCheck = true
			l := startLab(t, opts)
			m, err := netmgr.New(netmgr.Options{Parent: l.Parent, DHCPTimeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.CreateClients(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if took := m.Clients()[0].Timings.Offer; took < least {
				t.Errorf("the first offer came after %s: nobody looked", took)
			}
			if err := m.Cleanup(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever waits for the end of a pipe of this process's must not wait for a
// program of the lab's.
func TestAProgramInheritsNothing(t *testing.T) {
	t.Parallel()
	eachProgram(t, func(t *testing.T, p program) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		inheritable, err := syscall.Dup(int(w.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		startLab(t, with(p.server))
		w.Close()
		syscall.Close(inheritable)
		if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the pipe: %v, want that it ends", err)
		}
	})
}

func TestALabWithAProgramLeavesTheMachineAsFound(t *testing.T) {
	t.Parallel()
	eachProgram(t, func(t *testing.T, p program) {
		useOnce(t, with(p.server))
		leavesNothing(t, func() { useOnce(t, with(p.server)) })
	})
}

func TestALabThatCannotHaveAProgramSaysWhy(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	useOnce(t, ordinary())
	for _, p := range programs {
		for _, tt := range []struct {
			name, path string
			opts       lab.Options
			want       string
		}{
			{"it cannot be silent on DNS", os.Getenv("PATH"), with(p.server, "silent-dns"),
				"lab: fault silent-dns: " + string(p.server) + " cannot do that, set lab.server to builtin"},
			{"it is not installed", t.TempDir(), with(p.server),
				"lab: the server is to be " + string(p.server) + ", which is not installed: " +
					"install it (apt install " + p.pkg + ") or set lab.server to builtin"},
		} {
			t.Run(string(p.server)+"/"+tt.name, func(t *testing.T) {
				if filepath.IsAbs(p.command) && tt.path != os.Getenv("PATH") {
					t.Skip("it is not looked for in the PATH")
				}
				t.Setenv("PATH", tt.path)
				cannotStart(t, tt.opts, tt.want)
			})
		}
	}
	t.Run("nobody knows it", func(t *testing.T) {
		cannotStart(t, with("bind"), `lab: "bind" is not a server: there are builtin, dnsmasq, kea, dhcpd, udhcpd, networkd`)
	})
	t.Run("nobody knows its way for IPv6", func(t *testing.T) {
		cannotStart(t, of6("6to4"), `lab: "6to4" is not a way for IPv6: there are slaac, stateless, stateful, both, off`)
	})
}

func TestALabSaysWhatAProgramSaidBeforeItEnded(t *testing.T) {
	t.Parallel()
	eachProgram(t, func(t *testing.T, p program) {
		if p.complaint == "" {
			t.Skip("it complains of nothing")
		}
		useOnce(t, with(p.server))
		opts := with(p.server)
		opts.Pool = -20 // a range that ends before it begins
		cannotStart(t, opts, "lab: "+string(p.server)+": ended at once: …"+p.complaint+"…")
	})
}

// cannotStart wants an error, in which … stands for anything, and nothing left.
func cannotStart(t *testing.T, opts lab.Options, want string) {
	t.Helper()
	leavesNothing(t, func() {
		l, err := lab.Start(opts)
		if err == nil {
			l.Close()
			t.Fatal("the lab stands")
		}
		rest := err.Error()
		for i, part := range strings.Split(want, "…") {
			at := strings.Index(rest, part)
			if at < 0 || i == 0 && at > 0 || !strings.Contains(want, "…") && rest != want {
				t.Errorf("%v\nwant %s", err, want)
				return
			}
			rest = rest[at+len(part):]
		}
	})
}
