package netmgr_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestClientsEndInTheModeAskedFor(t *testing.T) {
	for mode, want := range map[string]netlink.MacvlanMode{
		"bridge":  netlink.MACVLAN_MODE_BRIDGE,
		"private": netlink.MACVLAN_MODE_PRIVATE,
		"vepa":    netlink.MACVLAN_MODE_VEPA,
	} {
		t.Run(mode, func(t *testing.T) {
			l := startLab(t, labOptions())
			m := newManager(t, netmgr.Options{Parent: l.Parent, Mode: mode})
			for _, c := range create(t, m, 2) {
				h := handle(t, c.Name)
				macvlan := link(t, h, c.Link).(*netlink.Macvlan)
				if macvlan.Mode != want {
					t.Errorf("%s is in mode %d, want %d", c.Link, macvlan.Mode, want)
				}
				// Asked for in private mode, and not forgotten since.
				await(t, c.Name+" knows its gateway", func() bool {
					neighbours, err := h.NeighList(macvlan.Index, netlink.FAMILY_V4)
					return err == nil && slices.ContainsFunc(neighbours, func(n netlink.Neigh) bool {
						return n.IP.Equal(c.Lease().Gateway.AsSlice()) && len(n.HardwareAddr) == 6
					})
				})
			}
		})
	}
}

func TestArrivalsKeepTheirPace(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	const gap = 100 * time.Millisecond
	begin := time.Now()
	if err := m.CreateClientsAs(t.Context(), 10, netmgr.Arrival{Gap: gap}); err != nil {
		t.Fatal(err)
	}
	clients := m.Clients()
	for i, c := range clients {
		if since := c.Timings.Asked.Sub(begin); since < time.Duration(i)*gap {
			t.Errorf("%s asked after %s, want %s and more", c.Name, since, time.Duration(i)*gap)
		}
	}
	made := m.Creation()
	if made.AskedRate != 10 || made.AchievedRate <= 0 {
		t.Errorf("asked for %v clients per second, want 10; achieved %v", made.AskedRate, made.AchievedRate)
	}
	if want := "10 clients in "; !strings.HasPrefix(made.String(), want) || !strings.Contains(made.String(), " per second (asked: 10)") {
		t.Errorf("%q", made)
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick(1)) {
		if r.Received != 1 {
			t.Errorf("%s: %s", r.Client, r.Reason)
		}
	}
}

func TestFiguresOfACreation(t *testing.T) {
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 20)
	made := m.Creation()
	if made.Clients != 20 || made.Sent != 40+made.Resent || made.AskedRate != 0 || made.Peak != 20 || made.Storm <= 0 {
		t.Errorf("%+v", made)
	}
	if made.Leasing <= 0 || made.Leasing >= made.Took || made.LeasesPerSecond() <= 20/made.Took.Seconds() {
		t.Errorf("leases took %s of %s: %.0f a second", made.Leasing, made.Took, made.LeasesPerSecond())
	}
	var names []string
	for _, p := range made.Phases {
		names = append(names, p.Name)
		if p.P50 <= 0 || p.P50 > p.P95 || p.P95 > p.P99 || p.P99 > p.Max {
			t.Errorf("%+v", p)
		}
	}
	if want := []string{"namespace", "link", "offer", "ack", "check", "configure", "total"}; !slices.Equal(names, want) {
		t.Errorf("phases %q, want %q", names, want)
	}
}

func TestMessagesSentAgainAreCounted(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("drop-dhcp 2"))
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 1) // one DISCOVER or REQUEST of two is lost
	if made := m.Creation(); made.Resent == 0 {
		t.Errorf("%s, although the router drops every second message", made)
	}
}

func TestMoreClientsThanDescriptorsAreRefused(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 100)
	l := startLab(t, labOptions())
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	low := unix.Rlimit{Cur: 400, Max: was.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	before := traces(t)
	err := m.CreateClients(t.Context(), 60000)
	var refused *netmgr.RefusedError
	switch {
	case err == nil: // as root where the kernel lets us raise it
		t.Skip("this machine allows as many open files as anybody wants")
	case !errors.As(err, &refused) || !strings.Contains(err.Error(), "need 240256 open files"):
		t.Errorf("%v, want a *RefusedError about open files", err)
	}
	if after := traces(t); !slices.Equal(before, after) {
		t.Errorf("before: %q\nafter: %q", before, after)
	}
	create(t, m, 100) // for which the limit is raised
}
