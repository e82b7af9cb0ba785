package lab_test

import (
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func carrier(l *lab.Lab) bool {
	text, err := os.ReadFile("/sys/class/net/" + l.Parent + "/carrier")
	return err == nil && strings.TrimSpace(string(text)) == "1"
}

func TestARebootIsSeenAndSurvived(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		opts lab.Options
	}{
		{"with its own servers", ordinary()},
		{"with dnsmasq", with(lab.Dnsmasq)},
		{"with Kea", with(lab.Kea)},
		{"with dhcpd", with(lab.Dhcpd)},
		{"with udhcpd", with(lab.Udhcpd)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need(t, tt.opts.Server)
			l := startLab(t, tt.opts)
			m := newPatientManager(t, l, time.Minute) // the second declines the address of the first
			if err := m.CreateClients(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			awaitLeases(t, l, 1)
			done := make(chan error, 1)
			go func() {
				_, err := l.Reboot()
				done <- err
			}()
			eventually(t, "the link is down", func() bool { return !carrier(l) })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if !carrier(l) {
				t.Error("the link is still down")
			}
			// The link may lose what it is given first.
			eventually(t, "the router answers", func() bool { return pings(t, m, "10.77.0.1") })
			if !pings(t, m, "8.8.8.8") || asks(t, m.Clients()[0], "udp", "10.77.0.1") != "198.51.100.80" {
				t.Error("the client does not reach everything that it reached before")
			}
			if err := m.CreateClients(t.Context(), 1); err != nil {
				t.Error(err)
			}
			// How many leases there are depends on whether the server has confirmed
			// that of the first client, which asked again.
			heals(t, l)
			if err := l.Reset(); err != nil {
				t.Error(err)
			}
			awaitLeases(t, l, 0)
		})
	}
}

func TestARouterWithoutInternetHasNoneAfterAReboot(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary("internet-down"))
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reboot(); err != nil {
		t.Fatal(err)
	}
	google := netmgr.Host(netip.MustParseAddr("8.8.8.8"))
	eventually(t, "the router answers", func() bool { return pings(t, m, "10.77.0.1") })
	if m.PingAll(t.Context(), google, netmgr.Ping{Timeout: shortly})[0].Received > 0 {
		t.Error("want nothing behind the router")
	}
}

// The router reboots by itself, once, and clients that ask meanwhile are
// served afterwards.
func TestARouterRebootsInTheMiddle(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary("reboot-after 2"))
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: "patient"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Cleanup(t.Context())
	var down atomic.Bool
	go func() { // it may be up again before the second has its address
		for carrier(l) && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		down.Store(true)
	}()
	if err := m.CreateClients(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link is down", down.Load)
	if err := m.CreateClients(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link is up", func() bool { return carrier(l) })
	awaitLeases(t, l, 8) // the first two have asked again
}

func TestALabCanBeClosedWhileItReboots(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, ordinary("reboot-after 1"))
	m := newManager(t, l)
	done := make(chan error)
	go func() { done <- m.CreateClients(t.Context(), 1) }()
	eventually(t, "the link is down", func() bool { return !carrier(l) })
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-done // with an address or without
}
