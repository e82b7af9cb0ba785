package netmgr_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// soon is time enough for what takes a moment, on a busy machine too.
func soon() time.Time { return time.Now().Add(time.Minute) }

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func remembers(c *netmgr.Client) netip.Prefix { return c.Remembered() }

// none fails the test for what should not be.
func none(t *testing.T, what string, problems []netmgr.Problem, err error) {
	t.Helper()
	if len(problems) > 0 || err != nil {
		_, text := named(problems)
		t.Errorf("%s: %s, %v", what, text, err)
	}
}

func named(problems []netmgr.Problem) (n int, text string) {
	for _, p := range problems {
		text += p.Client + ": " + p.Err.Error() + "; "
	}
	return len(problems), text
}

func TestALeaseFromItsBeginningToItsEnd(t *testing.T) {
	for _, server := range []lab.Server{lab.Builtin, lab.Kea} {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			if _, err := exec.LookPath("kea-dhcp4"); err != nil && server == lab.Kea {
				t.Skip("needs Kea: install it (apt install kea-dhcp4-server)")
			}
			opts := labOptions()
			opts.Server = server
			l := startLab(t, opts)
			m := newManager(t, netmgr.Options{Parent: l.Parent})
			clients := create(t, m, 5)
			past := m.Past()
			m.Extend(false)
			problems, err := past.NotExtended(t.Context(), at(soon()), false)
			none(t, "renewed", problems, err)

			past = m.Past()
			m.Extend(true)
			problems, err = past.NotExtended(t.Context(), at(soon()), true)
			none(t, "rebound", problems, err)
			none(t, "kept", past.NotKept(), nil)
			none(t, "informed", m.Inform(t.Context()), nil)

			past = m.Past()
			problems, err = netmgr.NotAnswered(t.Context(), soon(), m.Reboot(remembers), dhcpv4.MessageTypeAck)
			none(t, "confirmed", problems, err)
			returns, problems, err := past.Returns(t.Context(), soon(), clients, true)
			none(t, "had again", problems, err)
			if len(returns) != len(clients) {
				t.Errorf("%d returns", len(returns))
			}

			foreign := func(*netmgr.Client) netip.Prefix { return netip.MustParsePrefix("192.0.2.7/24") }
			problems, err = netmgr.NotAnswered(t.Context(), soon(), m.Reboot(foreign), dhcpv4.MessageTypeNak)
			none(t, "refused", problems, err)

			await(t, "all have an address again", func() bool { return len(m.With()) == len(clients) })
			if err := m.Release(t.Context(), m.Clients()...); err != nil {
				t.Error(err)
			}
			awaitLeases(t, l, 0)
			for _, c := range clients {
				await(t, c.Name+" has no address", func() bool { return lifetime(t, c) == 0 })
				if !c.Idle() || c.HasLease() || c.Missing() == nil {
					t.Errorf("%s: %+v", c.Name, c.Status())
				}
			}
			m.Ask(clients...)
			await(t, "all have an address again", func() bool { return len(m.With()) == len(clients) })
			none(t, "alone with it", m.Duplicates(), nil)
			for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick(1)) {
				if r.Received != 1 {
					t.Errorf("%s: %s", r.Client, r.Reason)
				}
			}
			cleanup(t, m)
			awaitLeases(t, l, 0)
		})
	}
}

// A router that reboots takes the carrier along: clients then ask whether their
// addresses are still good, as hosts do, and use them meanwhile.
func TestClientsVerifyTheirAddressesWhenTheLinkIsBack(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 3)
	past := m.Past()
	if _, err := l.Reboot(); err != nil {
		t.Fatal(err)
	}
	returns, problems, err := past.Returns(t.Context(), soon(), clients, true)
	none(t, "kept", problems, err)
	none(t, "kept", past.NotKept(), nil)
	for _, r := range returns {
		if r.Before != r.Now || r.After <= 0 {
			t.Errorf("%+v", r)
		}
		if s := r.Client.Status(); s.Verified != 1 {
			t.Errorf("%s: verified %d times", r.Client.Name, s.Verified)
		}
	}
	awaitLeases(t, l, len(clients))
}

func TestClientsOnTheirOwn(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("pool 2"))
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	if err := m.CreateClientsAs(t.Context(), 3, netmgr.Arrival{OnTheirOwn: true}); err != nil {
		t.Fatal(err)
	}
	await(t, "two have an address", func() bool { return len(m.With()) == 2 })
	late := m.Without()[0]
	if why := late.Missing().Error(); !strings.HasPrefix(why, "no OFFER in ") || late.Idle() {
		t.Errorf("%s: %s", late.Name, why)
	}
	if err := m.Release(t.Context(), m.With()[0]); err != nil {
		t.Error(err)
	}
	await(t, late.Name+" has an address", func() bool { return late.HasLease() })
	cleanup(t, m)
	awaitLeases(t, l, 0)
}

// What was given back is no more the run's to give back: somebody else may have
// it when the run is killed.
func TestAReleaseIsWrittenDown(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	run, err := journal.Begin("test")
	if err != nil {
		t.Fatal(err)
	}
	defer run.End()
	m := newManager(t, netmgr.Options{Parent: l.Parent, Journal: run})
	create(t, m, 2)
	if held := heldLeases(t); held != 2 {
		t.Fatalf("%d leases are written down, want 2", held)
	}
	if err := m.Release(t.Context(), m.Clients()[0]); err != nil {
		t.Error(err)
	}
	if held := heldLeases(t); held != 1 {
		t.Errorf("%d leases are written down, want 1", held)
	}
	cleanup(t, m)
}

// heldLeases is how many leases the journal of the one run says that clients have.
func heldLeases(t *testing.T) (n int) {
	t.Helper()
	runs, err := journal.Records()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, l := range runs[0].Leases {
		if l.Held() {
			n++
		}
	}
	return n
}

func TestADeclinedAddressThatComesBackIsSeen(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 2)
	if _, nobody, err := m.Reissued(t.Context(), soon()); !nobody || err != nil {
		t.Errorf("somebody declined something, or %v", err)
	}
	m.Decline()
	problems, nobody, err := m.Reissued(t.Context(), soon())
	none(t, "reissued", problems, err)
	if nobody {
		t.Error("nobody declined anything")
	}
	if err := l.Forget(); err != nil { // the DECLINEs, too
		t.Fatal(err)
	}
	if err := m.CreateClients(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	problems, _, err = m.Reissued(t.Context(), soon())
	if n, text := named(problems); n != 2 || err != nil || !strings.Contains(text, "(RFC 2131 §4.3.3)") {
		t.Errorf("%d: %s, %v", n, text, err)
	}
}

func TestWhoElseIsThere(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("squatters 1"))
	m := newManager(t, netmgr.Options{Parent: l.Parent, TrustAddresses: true})
	create(t, m, 2)
	problems, err := m.Conflicts(t.Context())
	if n, text := named(problems); n != 1 || err != nil || !strings.HasSuffix(text, ": 10.77.0.10 is also that of the host with MAC 02:4c:53:00:00:04; ") {
		t.Errorf("%d: %s, %v", n, text, err)
	}
	for _, router := range []netip.Addr{{}, l.Router} {
		if others, err := m.RogueServers(t.Context(), router); len(others) > 0 || err != nil {
			t.Errorf("with the router %s: %q, %v", router, others, err)
		}
	}
	others, err := m.RogueServers(t.Context(), netip.MustParseAddr("10.77.0.250"))
	if want := "10.77.0.1 (MAC 02:4c:53:00:00:01) offered addresses to 2 of 2 clients, 2 have one from it; the router 10.77.0.250 does not answer ARP"; len(others) != 1 || others[0] != want || err != nil {
		t.Errorf("%q, %v; want %s", others, err, want)
	}
}

// A server may be about to grant what a client has just asked for.
func TestLeasesOnTheirWayAreGivenBack(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("delay-dhcp 300ms"))
	for range 3 {
		m := newManager(t, netmgr.Options{Parent: l.Parent})
		if err := m.CreateClientsAs(t.Context(), 20, netmgr.Arrival{OnTheirOwn: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(450 * time.Millisecond) // after the OFFERs, and before the ACKs
		cleanup(t, m)
		if m.Unreleased() > 0 {
			t.Errorf("%d leases could not be given back", m.Unreleased())
		}
		awaitLeases(t, l, 0)
	}
}

// A verification is no renewal: it makes the lease begin anew, and T1 with it.
func TestALossOfTheCarrierIsNoRenewal(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	opts := labOptions()
	opts.LeaseTime = 6 * time.Second
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 3)
	past := m.Past()
	if _, err := l.Reboot(); err != nil {
		t.Fatal(err)
	}
	end := func() (last time.Time) {
		for _, c := range m.With() {
			if t := c.Lease().Acquired.Add(c.Lease().Rebind); t.After(last) {
				last = t
			}
		}
		return last
	}
	problems, err := past.NotExtended(t.Context(), end, false)
	none(t, "renewed", problems, err)
}

func TestAClientThatRebootsTwiceRemembersItsAddress(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 3)
	past := m.Past()
	m.Reboot(remembers)
	m.Reboot(remembers)
	returns, problems, err := past.Returns(t.Context(), soon(), clients, true)
	none(t, "had again", problems, err)
	for _, r := range returns {
		if r.Before != r.Now {
			t.Errorf("%+v", r)
		}
	}
}
