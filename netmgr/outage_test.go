package netmgr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// pinging has clients ping their gateway for some seconds, and does something to
// the link in the middle of that.
func pinging(t *testing.T, m *netmgr.NetworkManager, meanwhile func()) []netmgr.PingResult {
	t.Helper()
	done := make(chan []netmgr.PingResult)
	go func() {
		done <- m.PingAll(t.Context(), netmgr.Gateway, netmgr.Ping{Count: 30, Interval: 100 * time.Millisecond, Timeout: time.Second})
	}()
	time.Sleep(time.Second) // there is no condition: pings under way cannot be seen
	meanwhile()
	return <-done
}

// What was asked and not sent counts: the adapter may have been pulled out.
func TestALinkThatVanishesWhileClientsPing(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 3)
	start := time.Now()
	results := pinging(t, m, func() {
		link, err := netlink.LinkByName(l.Parent)
		if err == nil {
			err = netlink.LinkDel(link)
		}
		if err != nil {
			t.Error(err)
		}
	})
	for _, r := range results {
		if r.Asked != 30 || r.Sent >= 30 || r.Loss() <= 0 || !strings.HasPrefix(r.Reason, "tester: ") || !strings.Contains(r.Reason, " of 30 requests could not be sent: ") {
			t.Errorf("%s: %d of %d sent, %d received, loss %g%%: %s", r.Client, r.Sent, r.Asked, r.Received, r.Loss(), r.Reason)
		}
	}
	await(t, "it is noted that the link is gone", func() bool {
		outages := m.Outages(start)
		return len(outages) == 1 && outages[0].Gone && outages[0].To.IsZero() && outages[0].From.After(start)
	})
	cleanup(t, m)
	for _, left := range traces(t) {
		if strings.Contains(left, "ns1") || strings.Contains(left, "macvlan") {
			t.Errorf("left: %s", left)
		}
	}
}

func TestALinkThatLosesItsCarrierWhileClientsPing(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 3)
	start := time.Now()
	pinging(t, m, func() {
		if _, err := l.Reboot(); err != nil {
			t.Error(err)
		}
	})
	await(t, "it is noted that the carrier was lost", func() bool {
		outages := m.Outages(start)
		return len(outages) == 1 && !outages[0].Gone && !outages[0].To.IsZero() // From may be as late: see carrierWatch.note
	})
	if outages := m.Outages(time.Now()); len(outages) != 0 {
		t.Errorf("%+v since", outages)
	}
}
