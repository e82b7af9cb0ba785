package lab_test

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// shortly is how long a test waits for what it expects not to come.
const shortly = 300 * time.Millisecond

// breaks makes a lab misbehave while it stands.
func breaks(t *testing.T, l *lab.Lab, faults ...lab.Fault) {
	t.Helper()
	for _, f := range faults {
		if err := l.Break(f); err != nil {
			t.Fatal(err)
		}
	}
}

func heals(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.Heal(); err != nil {
		t.Fatal(err)
	}
}

// seen is what a client of l sees, that is gone again afterwards.
func seen(t *testing.T, l *lab.Lab) (a answers) {
	t.Run("seen", func(t *testing.T) { a = see(t, l) })
	return a
}

func TestClientsSeeARouterBreakAndHeal(t *testing.T) {
	nstest.Need(t)
	for _, tt := range []struct {
		name  string
		fault []lab.Fault
		want  func(*answers)
	}{
		{"silence on DHCP", []lab.Fault{"silent-dhcp"}, func(a *answers) { *a = answers{Address: "no offer"} }},
		{"some DHCP messages lost", []lab.Fault{"drop-dhcp 2", "delay-dhcp 50ms"}, func(*answers) {}},
		{"silence on DNS", []lab.Fault{"silent-dns"}, func(a *answers) { a.RouterDNS = noAnswer }},
		{"no name server in the lease", []lab.Fault{"no-dns"}, func(*answers) {}}, // who knows it may ask it
		{"no Internet", []lab.Fault{"internet-down"}, func(a *answers) {
			a.GooglePing, a.RouterDNS, a.GoogleDNS, a.Web = false, "SERVFAIL", noAnswer, noAnswer
		}},
		{"packets held back a little", []lab.Fault{"delay 20ms"}, func(*answers) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, ordinary())
			if diff := cmp.Diff(healthy(), seen(t, l)); diff != "" {
				t.Errorf("before (-want +got):\n%s", diff)
			}
			breaks(t, l, tt.fault...)
			want := healthy()
			tt.want(&want)
			if diff := cmp.Diff(want, seen(t, l)); diff != "" {
				t.Errorf("broken (-want +got):\n%s", diff)
			}
			heals(t, l)
			if diff := cmp.Diff(healthy(), seen(t, l)); diff != "" {
				t.Errorf("healed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHealKeepsWhatTheOptionsSay(t *testing.T) {
	l := startLab(t, ordinary("no-gateway", "pool 20"))
	want := l.Conditions()
	if want.Pool != 20 || !want.NoGateway {
		t.Fatalf("conditions %+v", want)
	}
	breaks(t, l, "silent-dns", "pool 30", "isolation", "loss 5%")
	heals(t, l)
	if diff := cmp.Diff(want, l.Conditions()); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestWhatALabCannotDo(t *testing.T) {
	nstest.Need(t)
	small := ordinary()
	small.Subnet, small.Pool = netip.MustParsePrefix("10.77.0.0/28"), 5
	for _, tt := range []struct {
		name  string
		opts  lab.Options
		fault lab.Fault
		want  string
	}{
		{"what is no fault", ordinary(), "loss 10", `"loss 10" is not a fault: write loss <x>% (x from 0 to 100)`},
		{"a buffer of a line without a rate", ordinary(), "buffer 500ms", "fault buffer 500ms: the lab's line has no rate, so nothing waits for it: say first how fast it is (line 20/5 Mbit/s)"},
		{"more addresses than there are", small, "pool 6", "fault pool 6: only 5 addresses fit in 10.77.0.0/28"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := startLab(t, tt.opts)
			before := l.Conditions()
			if err := l.Break(tt.fault); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
			if diff := cmp.Diff(before, l.Conditions()); diff != "" {
				t.Errorf("conditions (-before +after):\n%s", diff)
			}
			tt.opts.Faults = append(tt.opts.Faults, tt.fault)
			other, err := lab.Start(tt.opts)
			if err == nil {
				other.Close()
			}
			if err == nil || err.Error() != "lab: "+tt.want {
				t.Errorf("got error %v, want lab: %s", err, tt.want)
			}
		})
	}
}

// Connections must not notice that the gate is built and taken away.
func TestTheGateIsInNobodysWay(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary())
	c := newClient(t, l)
	conn, err := dial(t, c, "198.51.100.80:80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, faults := range [][]lab.Fault{nil, {"delay 30ms"}, {"loss 1%", "delay 1ms"}, nil, {"delay 5ms"}} {
		heals(t, l)
		breaks(t, l, faults...)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		if n, err := conn.Read(buf); err != nil || !slices.Equal(buf[:15], []byte("HTTP/1.1 200 OK")) {
			t.Errorf("with %v: %q, %v", faults, buf[:n], err)
		}
	}
}

func TestPacketsAreHeldBackAndLost(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary())
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	google := func(timeout time.Duration) netmgr.PingResult {
		return m.PingAll(t.Context(), netmgr.Host(netip.MustParseAddr("8.8.8.8")), netmgr.Ping{Count: 200, Interval: time.Millisecond, Timeout: timeout})[0]
	}

	breaks(t, l, "delay 40ms")
	const thereAndBack = 80 * time.Millisecond
	if r := google(time.Minute); r.Received != 200 || r.RTT.Min() < thereAndBack {
		t.Errorf("with a delay of 40ms each way: %d replies, the fastest after %s", r.Received, r.RTT.Min())
	}
	heals(t, l)
	breaks(t, l, "loss 30%") // half the round trips: 0.7²
	if r := google(patience); r.Received < 70 || r.Received > 125 {
		t.Errorf("with 30%% of packets lost each way: %d of 200 replies, want about 98", r.Received)
	}
	heals(t, l)
	if r := google(time.Minute); r.Received != 200 || r.RTT.Min() >= thereAndBack {
		t.Errorf("healed: %d replies, the fastest after %s", r.Received, r.RTT.Min())
	}
}

func TestARogueServerTakesEverySecondClient(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary())
	servers := func(t *testing.T) map[string]int {
		m := newManager(t, l)
		if err := m.CreateClients(t.Context(), 6); err != nil {
			t.Fatal(err)
		}
		by := map[string]int{}
		for _, c := range m.Clients() {
			by[fmt.Sprint(c.Lease().Server, " for ", c.Lease().Gateway)]++
		}
		return by
	}
	breaks(t, l, "rogue-dhcp")
	t.Run("with it", func(t *testing.T) {
		want := map[string]int{"10.77.0.1 for 10.77.0.1": 3, "10.77.0.2 for 10.79.0.1": 3}
		if diff := cmp.Diff(want, servers(t)); diff != "" {
			t.Errorf("leases (-want +got):\n%s", diff)
		}
	})
	heals(t, l)
	t.Run("without it", func(t *testing.T) {
		if diff := cmp.Diff(map[string]int{"10.77.0.1 for 10.77.0.1": 6}, servers(t)); diff != "" {
			t.Errorf("leases (-want +got):\n%s", diff)
		}
	})
	if namespace.Exists(l.Parent + "-rogue") {
		t.Error("it still stands")
	}
}

func TestClientsInIsolationReachTheRouterOnly(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary("isolation"))
	if !l.Conditions().Isolation {
		t.Fatal("no isolation")
	}
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: "alone", Mode: "vepa", DHCPTimeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateClients(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	defer m.Cleanup(t.Context())
	reached := func(target netmgr.Target) (n int) {
		for _, r := range m.PingAll(t.Context(), target, netmgr.Ping{Interval: time.Millisecond, Timeout: patience}) {
			n += r.Received
		}
		return n
	}
	other := m.Clients()[1].Lease().Address.Addr()
	got := map[string]int{"router": reached(netmgr.Gateway), "Internet": reached(netmgr.Host(netip.MustParseAddr("8.8.8.8"))), "second client": reached(netmgr.Host(other))}
	if diff := cmp.Diff(map[string]int{"router": 2, "Internet": 2, "second client": 1}, got); diff != "" {
		t.Errorf("clients that reached (-want +got):\n%s", diff)
	}
}

// All at once, and taken down in the middle of it.
func TestABrokenLabLeavesTheMachineAsFound(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	use := func() {
		l, err := lab.Start(ordinary("loss 1%", "delay 1s", "rogue-dhcp", "delay-dhcp 1m", "internet-down", "reboot-after 1", "rogue-ra", "duplicate-ipv6"))
		if err != nil {
			t.Fatal(err)
		}
		breaks(t, l, "loss 2%", "isolation", "pool 5", "new-prefix", "few-neighbours 3")
		heals(t, l)
		breaks(t, l, "delay 2s")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	use()
	leavesNothing(t, use)
}

// What a killed run leaves of a lab is removed by name.
func TestRemoveKnowsTheRogues(t *testing.T) {
	nstest.Need(t)
	opts := ordinary("rogue-dhcp", "rogue-ra")
	var err error
	if opts.Journal, err = journal.Begin("test"); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	rogues := []string{l.Parent + "-rogue", l.Parent + "-rogue6"}
	there := func(want bool) {
		for _, rogue := range rogues {
			if namespace.Exists(rogue) != want {
				t.Errorf("%s is there: %v", rogue, !want)
			}
		}
	}
	there(true)
	if err := lab.Remove(l.Parent, opts.Journal.Mark()); err != nil {
		t.Error(err)
	}
	there(false)
	_ = l.Close() // finds little
	if err := opts.Journal.End(); err != nil {
		t.Error(err)
	}
}
