package netmgr_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestTwoHundredClientsLeasePingTheRouterAndAreGone(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 200)
	l := startLab(t, labOptions())
	before := traces(t)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Mode: "bridge"})
	addrs := map[netip.Addr]bool{}
	for _, c := range create(t, m, 200) {
		addrs[c.Lease().Address.Addr()] = true
	}
	if len(addrs) != 200 {
		t.Errorf("%d addresses, want 200", len(addrs))
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick(2)) {
		if r.Target != l.Router || r.Received != 2 {
			t.Errorf("%s: %d of %d replies from %s; %s", r.Client, r.Received, r.Sent, r.Target, r.Reason)
		}
	}
	cleanup(t, m)
	awaitLeases(t, l, 0)
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryModeReachesTheInternet(t *testing.T) {
	for _, mode := range []string{"bridge", "private", "vepa"} {
		t.Run(mode, func(t *testing.T) {
			l := startLab(t, labOptions())
			m := newManager(t, netmgr.Options{Parent: l.Parent, Mode: mode})
			create(t, m, 3)
			for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
				if r.Received != 1 {
					t.Errorf("%s: %s", r.Client, r.Reason)
				}
			}
		})
	}
}

func TestClientsAreMadeAgainAsTheyWere(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	cleanup(t, m) // before there is anything

	var first []string
	for _, c := range create(t, m, 5) {
		first = append(first, c.Name+" "+c.Link+" "+c.MAC.String())
	}
	cleanup(t, m)
	cleanup(t, m)

	var again []string
	for _, c := range create(t, m, 5) {
		again = append(again, c.Name+" "+c.Link+" "+c.MAC.String())
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick(1)) {
		if r.Received != 1 {
			t.Errorf("%s: %s", r.Client, r.Reason)
		}
	}
}

func TestMoreClientsAreAdded(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "pi"})
	first := create(t, m, 2)
	all := create(t, m, 2)
	if diff := cmp.Diff([]string{"pi1", "pi2", "pi3", "pi4"}, names(all)); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(first, all[:2]) {
		t.Error("the first two were made anew")
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick(1)) {
		if r.Received != 1 {
			t.Errorf("%s: %s", r.Client, r.Reason)
		}
	}
	awaitLeases(t, l, 4)
}

func TestImpossibleNumbersAreRefused(t *testing.T) {
	l := startLab(t, labOptions())
	before := traces(t)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	for _, tt := range []struct {
		n    int
		want string
	}{
		{0, "0 clients: ask for at least 1"},
		{-1, "-1 clients: ask for at least 1"},
		{70000, "70000 clients: at most 65535 can be told apart"},
	} {
		t.Run(fmt.Sprint(tt.n), func(t *testing.T) {
			err := m.CreateClients(t.Context(), tt.n)
			var refused *netmgr.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("%v, want a *RefusedError", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, traces(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T) (fingerprint func() string)
	}{
		{"a foreign namespace", func(t *testing.T) func() string {
			ns, err := namespace.Create("ns3")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ns.Delete() })
			return func() string {
				var s unix.Stat_t
				err := unix.Stat(filepath.Join(namespace.Dir, "ns3"), &s)
				return fmt.Sprint(s.Dev, s.Ino, err)
			}
		}},
		{"a foreign folder in /etc/netns", func(t *testing.T) func() string {
			file := filepath.Join(namespace.EtcDir, "ns3", "resolv.conf")
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				os.RemoveAll(filepath.Dir(file))
				os.Remove(namespace.EtcDir)
			})
			if err := os.WriteFile(file, []byte("nameserver 192.0.2.53\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			return func() string {
				text, err := os.ReadFile(file)
				return fmt.Sprint(string(text), err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := startLab(t, labOptions())
			fingerprint := tt.make(t)
			print, before := fingerprint(), traces(t)
			m := newManager(t, netmgr.Options{Parent: l.Parent})
			err := m.CreateClients(t.Context(), 5)
			var refused *netmgr.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "namespace ns3;") {
				t.Fatalf("%v, want a *RefusedError about ns3", err)
			}
			cleanup(t, m)
			if diff := cmp.Diff(before, traces(t)); diff != "" {
				t.Error(diff)
			}
			if now := fingerprint(); now != print {
				t.Errorf("ns3 was %q, is %q", print, now)
			}
			if len(create(t, m, 2)) != 2 {
				t.Error("the names below the taken one cannot be used either")
			}
		})
	}
}

func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	opts := labOptions()
	opts.Pool = 5
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "pool", DHCPTimeout: 2 * time.Second})
	err := m.CreateClients(t.Context(), 10)
	var failed *netmgr.CreateError
	if !errors.As(err, &failed) {
		t.Fatalf("%v, want a *CreateError", err)
	}
	if failed.Asked != 10 || len(failed.Failed) != 5 || failed.Leased != 5 {
		t.Errorf("%d of %d failed, %d have a lease; want 5 of 10, 5", len(failed.Failed), failed.Asked, failed.Leased)
	}
	named := map[string]bool{}
	for _, f := range failed.Failed {
		named[f.Client] = true
		var none *netmgr.NoOfferError
		if f.Stage != netmgr.StageLease || !errors.As(f, &none) || none.Sent < 1 {
			t.Errorf("%v, want no OFFER", f)
		}
	}
	if len(named) != 5 || !strings.HasPrefix(err.Error(), "5 of 10 clients failed: "+failed.Failed[0].Client) {
		t.Errorf("%q, want it to name %d clients", err, len(named))
	}
	if hint := "; 5 got a lease, so the router's address pool may be used up"; !strings.HasSuffix(err.Error(), hint) {
		t.Errorf("%q does not end in %q", err, hint)
	}
	nothingOf(t, m, l, "pool")
}

// nothingOf wants no trace of any client of a manager that failed.
func nothingOf(t *testing.T, m *netmgr.NetworkManager, l *lab.Lab, prefix string) {
	t.Helper()
	if left := m.Clients(); len(left) > 0 {
		t.Errorf("clients %q stand", names(left))
	}
	awaitLeases(t, l, 0)
	for _, trace := range traces(t) {
		if strings.HasPrefix(filepath.Base(trace), prefix) {
			t.Errorf("%s is left", trace)
		}
	}
}

func TestEarlierClientsGoWithThoseThatFail(t *testing.T) {
	t.Parallel()
	opts := labOptions()
	opts.Pool = 3
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "late", DHCPTimeout: 2 * time.Second})
	create(t, m, 3)
	if err := m.CreateClients(t.Context(), 1); !errors.As(err, new(*netmgr.NoOfferError)) {
		t.Errorf("%v, want no OFFER", err)
	}
	nothingOf(t, m, l, "late")
}

func TestARouterThatIsSilent(t *testing.T) {
	t.Parallel()
	l := startLab(t, brokenLab("silent-dhcp"))
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "silent", DHCPTimeout: 500 * time.Millisecond})
	err := m.CreateClients(t.Context(), 6)
	want := "6 of 6 clients failed: silent1-silent6: lease: no OFFER in 500ms (1 DISCOVER sent)"
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, fmt.Sprint(err)))
	}
	nothingOf(t, m, l, "silent")
}

func TestOffersOfNoUseAreExplained(t *testing.T) {
	t.Parallel()
	opts := labOptions()
	opts.Extra = []dhcpv4.Option{dhcpv4.OptSubnetMask([]byte{255, 0, 255, 0})}
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "mask", DHCPTimeout: 1200 * time.Millisecond})
	err := m.CreateClients(t.Context(), 3)
	want := "3 of 3 clients failed: mask1-mask3: lease: no usable OFFER in 1.2s " +
		"(1 DISCOVER sent; an OFFER was refused: impossible subnet mask 255.0.255.0)"
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, fmt.Sprint(err)))
	}
	nothingOf(t, m, l, "mask")
}

func TestAGatewayThatCannotBeReachedFailsTheClient(t *testing.T) {
	t.Parallel()
	opts := labOptions()
	opts.Extra = []dhcpv4.Option{dhcpv4.OptRouter([]byte{192, 0, 2, 1})}
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "route"})
	err := m.CreateClients(t.Context(), 1)
	want := "1 of 1 clients failed: route1: configure: gateway 192.0.2.1 is outside 10.77.0.0/16 and no route of the lease leads to it"
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, fmt.Sprint(err)))
	}
	nothingOf(t, m, l, "route")
}

// Half of the clients have a lease when ^C comes, the others wait for one.
func TestCancelledInTheMiddleNothingStays(t *testing.T) {
	t.Parallel()
	opts := labOptions()
	opts.Pool = 5
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "cancel", DHCPTimeout: time.Hour})
	hurry := errors.New("somebody pressed ^C")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() { done <- m.CreateClients(ctx, 10) }()
	awaitLeases(t, l, 5)
	cancel(hurry)
	if err := <-done; !errors.Is(err, hurry) {
		t.Errorf("%v, want %v", err, hurry)
	}
	nothingOf(t, m, l, "cancel")
}

func TestCancelledClientsDoNotWaitForAnAnswer(t *testing.T) {
	t.Parallel()
	silent := brokenLab("silent-dhcp")
	m := newManager(t, netmgr.Options{Parent: startLab(t, silent).Parent, Prefix: "hasty", DHCPTimeout: time.Hour})
	patient := newManager(t, netmgr.Options{Parent: startLab(t, silent).Parent, Prefix: "patient", DHCPTimeout: 3 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	done, waited := make(chan error, 1), make(chan error, 1)
	go func() { done <- m.CreateClients(ctx, 1) }()
	await(t, "hasty1 is there", func() bool { return namespace.Exists("hasty1") })
	go func() { waited <- patient.CreateClients(t.Context(), 1) }()
	await(t, "patient1 is there", func() bool { return namespace.Exists("patient1") })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context canceled", err)
	}
	if len(waited) > 0 {
		t.Error("not before a client that waited all its time")
	}
	if err := <-waited; !errors.As(err, new(*netmgr.NoOfferError)) {
		t.Errorf("%v, want no OFFER", err)
	}
}

func TestCancelledBeforehandNothingIsTried(t *testing.T) {
	l := startLab(t, labOptions())
	before := traces(t)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.CreateClients(ctx, 10); !errors.Is(err, context.Canceled) || errors.As(err, new(*netmgr.CreateError)) {
		t.Errorf("%v, want nothing but context canceled", err)
	}
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Error(diff)
	}
}
