package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/netmgr"
)

// asking is the sentences about clients that ask for an address, get one or not,
// and give it back.
func (w *world) asking() []sentence {
	return []sentence{
		{`<n> client(s) ask(s) for an address`, "creates n clients that ask; does not wait for their addresses", w.ask},
		{`one more client asks for an address`, "creates one that asks; does not wait for its address", w.askOne},
		{`<n> of <n> client(s) should get an address`, "of all clients exactly so many have one after dhcp.timeout, and the others were offered none", w.soManyGetAddress},
		{`<n> of <n> client(s) should get an address within <time>`, "of all clients exactly so many have one then, and the others were offered none", w.soManyGetAddressWithin},
		{`all clients that wait should get an address within <time>`, "those that ask and have none", w.waitingGetAddress},
		{`all clients release their addresses`, "each gives its lease back (RELEASE), and then does nothing", w.releaseAll},
		{`one client releases its address`, "the first that has one", w.releaseOne},
		{`all clients ask for an address again`, "those that gave theirs back look for a server; does not wait for their addresses", w.askAgain},
		{`all clients should have an address again within <time>`,
			"since the lab router or the clients rebooted, or they gave their addresses back", w.haveAddressAgain},
		{`all clients should have their old address again within <time>`, "each has again, since then, what it had before", w.haveOldAddressAgain},
	}
}

func (w *world) askOne(ctx context.Context) error { return w.ask(ctx, 1) }

func (w *world) ask(ctx context.Context, n int) error {
	m, err := w.manager()
	if err != nil {
		return err
	}
	w.watched(m, true, func() { err = m.CreateClientsAs(ctx, n, netmgr.Arrival{OnTheirOwn: true}) })
	return err
}

func (w *world) soManyGetAddress(ctx context.Context, n, of int) error {
	return w.getAddress(ctx, n, of, w.config().DHCP.Timeout)
}

func (w *world) soManyGetAddressWithin(ctx context.Context, n, of int, d time.Duration) error {
	if err := positive(d); err != nil {
		return err
	}
	return w.getAddress(ctx, n, of, d)
}

func (w *world) getAddress(ctx context.Context, n, of int, within time.Duration) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	if n < 0 || n > of {
		return refuse("%d of %d clients can never be", n, of)
	}
	if have := len(m.Clients()); of != have {
		return refuse("the sentence speaks of %d clients, and the scenario has %d", of, have)
	}
	return w.judging("", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		settled := func(c *netmgr.Client) bool { return c.HasLease() || c.Idle() }
		if err := netmgr.Await(ctx, time.Now().Add(within), m.Clients(), settled); err != nil {
			return nil, err
		}
		without := missing(m.Without())
		if got := of - len(without); got != n {
			text := fmt.Sprintf("%d of %d clients have an address after %s, not %d", got, of, within, n)
			if len(without) > 0 {
				text += ": " + grouped(without)
			}
			return nil, errors.New(text)
		}
		offered := missing(slices.DeleteFunc(m.Without(), func(c *netmgr.Client) bool {
			var none *netmgr.NoOfferError
			return c.Idle() || errors.As(c.Missing(), &none) && none.Refused == nil
		}))
		if len(offered) > 0 {
			return nil, fmt.Errorf("%d of %d clients have an address, as they should, but others were offered one: %s", n, of, grouped(offered))
		}
		return nil, nil
	})
}

func (w *world) waitingGetAddress(ctx context.Context, d time.Duration) error {
	if err := positive(d); err != nil {
		return err
	}
	return w.judging("have no address yet", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		waiting := slices.DeleteFunc(m.Without(), (*netmgr.Client).Idle)
		if len(waiting) == 0 {
			return nil, errors.New("no client waits for an address: all that ask have one")
		}
		err := netmgr.Await(ctx, time.Now().Add(d), waiting, (*netmgr.Client).HasLease)
		return missing(slices.DeleteFunc(waiting, (*netmgr.Client).HasLease)), err
	})
}

// missing says of clients without a lease why they have none.
func missing(clients []*netmgr.Client) (problems []netmgr.Problem) {
	for _, c := range clients {
		problems = append(problems, c.Problem(c.Missing()))
	}
	return problems
}

func (w *world) releaseAll(ctx context.Context) error { return w.release(ctx, -1) }
func (w *world) releaseOne(ctx context.Context) error { return w.release(ctx, 1) }

func (w *world) release(ctx context.Context, most int) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	clients := m.With()
	if len(clients) == 0 {
		return errNoLease
	}
	if most > 0 {
		clients = clients[:most]
	}
	w.event = &event{"addresses were given back", m.Past(clients...)}
	return m.Release(ctx, clients...)
}

func (w *world) askAgain() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	idle := slices.DeleteFunc(m.Without(), func(c *netmgr.Client) bool { return !c.Idle() })
	if len(idle) == 0 {
		return refuse(`no client has given its address back: say "all clients release their addresses" first`)
	}
	m.Ask(idle...)
	return nil
}

func (w *world) haveAddressAgain(ctx context.Context, d time.Duration) error {
	return w.haveAgain(ctx, d, false)
}

func (w *world) haveOldAddressAgain(ctx context.Context, d time.Duration) error {
	return w.haveAgain(ctx, d, true)
}

func (w *world) haveAgain(ctx context.Context, d time.Duration, old bool) error {
	if err := positive(d); err != nil {
		return err
	}
	if w.event == nil {
		return refuse(`nothing has happened to the leases: say "the lab router reboots", "all clients reboot" or "all clients release their addresses" first`)
	}
	what := "have no address again"
	if old {
		what = "have not their old address again"
		if w.event.what != routerRebooted { // which has forgotten it
			what += " (RFC 2131 §4.3.1)"
		}
	}
	return w.judging(what+" after "+w.event.what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		returns, problems, err := w.event.past.Returns(ctx, time.Now().Add(d), m.Clients(), old)
		if err == nil {
			text := told(returns, len(m.Clients()), w.event.what)
			w.suite.chronicle.activity(returnActivity(returns, text, w.event.what))
		}
		return problems, err
	})
}

// told is what became of clients, in a line.
func told(returns []netmgr.Return, clients int, event string) string {
	kept, took := 0, make([]time.Duration, len(returns))
	for i, r := range returns {
		took[i] = r.After
		if r.Now == r.Before {
			kept++
		}
	}
	text := fmt.Sprintf("after %s: %d of %d clients have an address that a server confirmed, %d their old one", event, len(returns), clients, kept)
	if len(took) > 0 {
		slices.Sort(took)
		text += fmt.Sprintf("; the first after %.2f s, half of them after %.2f s, the last after %.2f s",
			took[0].Seconds(), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	return text
}
