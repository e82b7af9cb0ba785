package netmgr_test

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestDnsmasqGetsAllLeasesBack(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 50)
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		t.Skip("needs dnsmasq: apt install dnsmasq-base")
	}
	opts := labOptions()
	opts.Server = lab.Dnsmasq
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	for range 2 { // the second time the leases are new ones
		create(t, m, 50)
		awaitLeases(t, l, 50)
		cleanup(t, m)
		awaitLeases(t, l, 0)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// countGarbage keeps the collector from closing what the code forgot to close.
func countGarbage(t *testing.T) {
	was := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(was) })
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// A round is all that clients are for: whatever it opens or starts must be
// gone after Cleanup, and what is left after the first must not grow.
func TestNothingLeaks(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	countGarbage(t)
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	round := func() {
		for _, c := range create(t, m, 10) {
			resp, err := c.HTTPClient().Get("http://example.test/")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body) // read to its end, the connection is kept
			resp.Body.Close()
			if err := c.Command(t.Context(), "true").Run(); err != nil {
				t.Error(err)
			}
			if err := c.Command(t.Context(), "no-such-program").Start(); err == nil {
				t.Error("no-such-program started")
			}
		}
		for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
			if r.Received != 1 {
				t.Error(r.Reason)
			}
		}
		if problems := m.Unreachable(t.Context(), quick(1)); len(problems) > 0 {
			t.Error(problems)
		}
		cleanup(t, m)
		awaitLeases(t, l, 0)
	}
	round() // opens once what stays open: the way home, the poller
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	for range 3 {
		round()
	}
	// Servers at the other end notice a little later.
	await(t, "as many descriptors as before", func() bool { return descriptors(t) <= fds })
	defer func() {
		if t.Failed() {
			t.Logf("%d goroutines were there before:\n%s", goroutines, stacks())
		}
	}()
	await(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func TestFailuresDoNotLeakEither(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	countGarbage(t)
	l := startLab(t, brokenLab("silent-dhcp"))
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 1})
	round := func() {
		if err := m.CreateClients(t.Context(), 10); err == nil {
			t.Error("clients without a DHCP server")
		}
	}
	round()
	fds, goroutines := descriptors(t), runtime.NumGoroutine()
	for range 3 {
		round()
	}
	await(t, "as many descriptors as before", func() bool { return descriptors(t) <= fds })
	await(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
}
