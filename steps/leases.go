package steps

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/netmgr"
)

// leases is the sentences about what becomes of leases, one after the other.
func (w *world) leases() []sentence {
	return []sentence{
		{`all clients should keep their addresses for <time>`,
			"none loses its lease or gets another address meanwhile, however often leases are renewed", w.keepAddresses},
		{`the router should renew all leases at T1`,
			"clients ask their own server (unicast) at half of the lease time, and get more; waits for that, 10 minutes at most", w.extends(false, false)},
		{`the router should renew all leases when asked`, "clients ask their own server for more now, and get it", w.extends(false, true)},
		{`the router should rebind all leases at T2`,
			"clients ask all servers (broadcast), because theirs was silent, and get more; waits for that", w.extends(true, false)},
		{`the router should rebind all leases when asked`, "clients ask all servers for more now, and get it", w.extends(true, true)},
		{`all leases should end when nobody renews them`, "clients ask for more in vain, and stop using their address when the lease ends; waits for that", w.leasesEnd},

		{`all clients reboot`, "each remembers its address and asks whether it may use it (INIT-REBOOT)", w.rebootClients},
		{`all clients decline their addresses`, "each says that another host has its address (DECLINE), and asks for another 10 seconds later", w.declineAll},
		{`the router should confirm all addresses when clients reboot`, "they reboot, and their REQUESTs must be answered by ACK", w.confirmsAddresses},
		{`the router should refuse addresses of another network`,
			"clients come back with an address from elsewhere, and their REQUESTs must be answered by NAK", w.refusesForeign},
		{`the router should refuse addresses of other clients`, "clients ask for the address of the next client, and their REQUESTs must be answered by NAK", w.refusesOthers},
		{`no declined address should be given out again`, "waits until those that declined one have another", w.declinedStayAway},
		{`the router should answer INFORM with options and no lease`, "every client asks for options, with the address that it has", w.answersInform},
	}
}

// event is something that happened to leases, from which on clients are to have
// addresses again.
type event struct {
	what string
	past *netmgr.Past
}

const routerRebooted = "the lab router rebooted"

func (w *world) happens(m *netmgr.NetworkManager, what string) { w.event = &event{what, m.Past()} }

// positive refuses to wait for no time, or for ever.
func positive(d time.Duration) error {
	if d <= 0 || d > 24*time.Hour {
		return refuse("%s: ask for more than 0s, and for a day at most", d)
	}
	return nil
}

// errNoLease is said where there is nothing to judge: that must not pass.
var errNoLease = errors.New("no client has a lease")

// leased has judge look at clients of which some have leases.
func (w *world) leased(what string, judge func(*netmgr.NetworkManager) ([]netmgr.Problem, error)) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	if len(m.With()) == 0 {
		return errNoLease
	}
	return w.judging(what, judge)
}

// judging has judge look at the clients while the tester watches itself.
func (w *world) judging(what string, judge func(*netmgr.NetworkManager) ([]netmgr.Problem, error)) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	var problems []netmgr.Problem
	w.watched(m, false, func() { problems, err = judge(m) })
	if err != nil {
		return err
	}
	if slices.ContainsFunc(w.outages, func(o netmgr.Outage) bool { return o.Gone }) {
		return errors.New("nothing can be judged")
	}
	return verdict(m, what, problems)
}

func (w *world) keepAddresses(ctx context.Context, d time.Duration) error {
	if err := positive(d); err != nil {
		return err
	}
	return w.leased("did not keep their address", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		past := m.Past()
		select {
		case <-time.After(d):
			return past.NotKept(), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	})
}

// longest is how long a sentence waits for what happens by itself.
const longest = 10 * time.Minute

// extends wants leases to be extended, by broadcast or not, when clients ask now
// or at their time.
func (w *world) extends(broadcast, now bool) func(context.Context) error {
	return func(ctx context.Context) error { return w.judgeExtension(ctx, broadcast, now) }
}

func (w *world) judgeExtension(ctx context.Context, broadcast, now bool) error {
	what := map[bool]string{false: "renewed", true: "rebound"}[broadcast]
	return w.leased("had their lease not "+what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		past := m.Past()
		const late = time.Second // of a busy machine, and for what clients do next
		end := func() time.Time { return answered(m, broadcast).Add(late) }
		switch wait := time.Until(end()); {
		case now:
			m.Extend(broadcast)
			patience := past.At.Add(w.config().DHCP.Timeout)
			end = func() time.Time { return patience }
		case wait > longest:
			return nil, refuse("it may take %s until leases are %s, and this sentence waits for %s at most: say \"when asked\", or have the router give shorter leases",
				wait.Round(time.Minute), what, longest)
		}
		return past.NotExtended(ctx, end, broadcast)
	})
}

// answered is when the last lease must have been renewed, or rebound.
func answered(m *netmgr.NetworkManager, broadcast bool) (end time.Time) {
	for _, c := range m.With() {
		l := c.Lease()
		until := l.Acquired.Add(l.Rebind)
		if broadcast && !l.End().IsZero() { // those that never end are as late as they can be
			until = l.End()
		}
		if until.After(end) {
			end = until
		}
	}
	return end
}

func (w *world) leasesEnd(ctx context.Context) error {
	return w.leased("still have their lease", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		if wait := time.Until(answered(m, true)); wait > longest {
			return nil, refuse("leases end in %s, and this sentence waits for %s at most: have the router give shorter ones", wait.Round(time.Minute), longest)
		}
		w.happens(m, "their leases ended")
		return w.event.past.NotEnded(ctx)
	})
}

func (w *world) rebootClients() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	w.happens(m, "the clients rebooted")
	m.Reboot((*netmgr.Client).Remembered)
	return nil
}

func (w *world) confirmsAddresses(ctx context.Context) error {
	return w.answersReboot(ctx, "were not given their address back", dhcpv4.MessageTypeAck,
		(*netmgr.Client).Remembered)
}

// elsewhere is a network that no LAN should have (RFC 5737).
var elsewhere = netip.MustParsePrefix("192.0.2.0/24")

func (w *world) refusesForeign(ctx context.Context) error {
	host := elsewhere.Addr()
	return w.answersReboot(ctx, "were not refused an address of another network", dhcpv4.MessageTypeNak,
		func(*netmgr.Client) netip.Prefix {
			if host = host.Next(); !elsewhere.Contains(host.Next()) {
				host = elsewhere.Addr().Next()
			}
			return netip.PrefixFrom(host, elsewhere.Bits())
		})
}

func (w *world) refusesOthers(ctx context.Context) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	clients := m.With()
	if len(clients) < 2 {
		return fmt.Errorf("needs two clients that have an address, and %d of %d have one", len(clients), len(m.Clients()))
	}
	next := map[*netmgr.Client]netip.Prefix{}
	for i, c := range clients {
		next[c] = clients[(i+1)%len(clients)].Lease().Address
	}
	return w.answersReboot(ctx, "were not refused the address of another client", dhcpv4.MessageTypeNak,
		func(c *netmgr.Client) netip.Prefix { return next[c] })
}

func (w *world) answersReboot(ctx context.Context, what string, wanted dhcpv4.MessageType, remembered func(*netmgr.Client) netip.Prefix) error {
	return w.judging(what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		w.happens(m, "the clients rebooted")
		if !slices.ContainsFunc(m.Clients(), func(c *netmgr.Client) bool { return c.Remembered().IsValid() }) {
			return nil, errNoLease
		}
		asking, end := m.Reboot(remembered), time.Now().Add(w.config().DHCP.Timeout)
		problems, err := netmgr.NotAnswered(ctx, end, asking, wanted)
		if err == nil { // who was refused asks anew, and the next sentence shall find it with an address
			err = netmgr.Await(ctx, end, m.Clients(), (*netmgr.Client).HasLease)
		}
		return problems, err
	})
}

func (w *world) declineAll() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	w.happens(m, "addresses were declined")
	m.Decline()
	return nil
}

func (w *world) declinedStayAway(ctx context.Context) error {
	return w.judging("were given an address that had been declined", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		const pause = 10 * time.Second // of a client that has declined (RFC 2131 §3.1 step 5)
		problems, none, err := m.Reissued(ctx, time.Now().Add(pause+w.config().DHCP.Timeout))
		if none && err == nil {
			err = errors.New(`no client has declined an address: say "all clients decline their addresses" first`)
		}
		return problems, err
	})
}

func (w *world) answersInform(ctx context.Context) error {
	return w.leased("had no right answer to an INFORM", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		return m.Inform(ctx), context.Cause(ctx)
	})
}
