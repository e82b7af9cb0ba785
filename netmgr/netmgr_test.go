package netmgr_test

import (
	"context"
	"io"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// labOptions is a router like any other.
func labOptions() lab.Options {
	return lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 5000, LeaseTime: time.Hour}
}

func startLab(t *testing.T, opts lab.Options) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newManager(t *testing.T, opts netmgr.Options) *netmgr.NetworkManager {
	t.Helper()
	m, err := netmgr.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestTenClientsLeasePingAndAreGone(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	ctx := t.Context()
	if err := m.CreateClients(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if leases, err := l.Leases(); err != nil || leases != 10 {
		t.Errorf("the router holds %d leases (%v), want 10", leases, err)
	}
	results := m.PingAll(ctx, netmgr.Ping{
		Target: netmgr.Host(netip.MustParseAddr("8.8.8.8")), Count: 3,
		Interval: 50 * time.Millisecond, Timeout: time.Second,
	})
	if len(results) != 10 {
		t.Fatalf("%d results, want 10", len(results))
	}
	for _, r := range results {
		if r.Sent != 3 || r.Received != 3 || r.Reason != "" || r.Min <= 0 || r.Avg < r.Min || r.Max < r.Avg {
			t.Errorf("%s: %+v", r.Client.Name, r)
		}
		resp, err := r.Client.HTTPClient().Get("http://example.test/")
		if err != nil {
			t.Errorf("%s: %v", r.Client.Name, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes, %v", r.Client.Name, resp.StatusCode, len(body), err)
		}
		out, err := r.Client.Command(ctx, "cat", "/etc/resolv.conf").Output()
		t.Logf("%s %s %v %v\n%s%v", r.Client.Name, r.Client.MAC, r.Client.Lease.Address, r.Client.Timings, out, err)
	}
	if err := m.Cleanup(ctx); err != nil {
		t.Fatal(err)
	}
	if leases, err := l.Leases(); err != nil || leases != 0 {
		t.Errorf("the router still holds %d leases (%v)", leases, err)
	}
	if _, err := os.Stat("/etc/netns"); err == nil {
		t.Error("/etc/netns is left")
	}
}
