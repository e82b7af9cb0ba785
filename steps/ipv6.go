package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/internal/ra"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/netmgr"
)

// ipv6 is the sentences about IPv6 alone. Each waits until clients have what the
// router offers, or have waited for it in vain.
func (w *world) ipv6() []sentence {
	return []sentence{
		{`each client should have a global IPv6 address`, "by router advertisements (SLAAC) or DHCPv6, and no other host has it", w.all6("have no global IPv6 address", (*netmgr.NetworkManager).Without6)},
		{`each client should have a DHCPv6 address`, "a DHCPv6 server gave it, and no other host has it", w.all6("have no address by DHCPv6", (*netmgr.NetworkManager).WithoutDHCPv6)},
		{`each client should have a name server by IPv6`, "the router's advertisements (RDNSS) or DHCPv6 name one", w.all6("have no name server by IPv6", (*netmgr.NetworkManager).WithoutNames6)},
		{`all clients should reach the internet over IPv6`,
			"no client loses more than ping.max_loss of its pings to targets.google_dns_ipv6, which are made now", w.reachInternet6},
		{`no two clients should have the same interface identifier`, "the lower halves of their IPv6 addresses differ", w.differ6},
		{`after the router reboots the old prefix should be deprecated`,
			"waits until the router has advertised itself again, and then until no client uses an address of a prefix that it does not advertise any more; dhcp.timeout at most", w.deprecated6},
		{`the router should follow the IPv6 standards`, "neither its advertisements nor DHCPv6 had anything against an RFC", w.followsIPv6},
	}
}

// over6 is the target by IPv6.
func (t target) over6() target { return t + " over IPv6" }

// base is the target, by whatever IP, and six says if it is by IPv6.
func (t target) base() (whom target, six bool) {
	text, six := strings.CutSuffix(string(t), " over IPv6")
	return target(text), six
}

// six waits for the clients' IPv6.
func (w *world) six(ctx context.Context) (m *netmgr.NetworkManager, err error) {
	if w.config().IPFamily == "ipv4" {
		return nil, refuse("the sentence is about IPv6, and clients speak none: set ip_family to dual or ipv6")
	}
	if m, err = w.standing(); err != nil {
		return nil, err
	}
	report := w.watched(m, false, func() { err = m.Await6(ctx) })
	if err == nil {
		w.tell6(m, report)
	}
	return m, err
}

// judging6 is judging once the clients have what they will get.
func (w *world) judging6(ctx context.Context, what string, judge func(*netmgr.NetworkManager) ([]netmgr.Problem, error)) error {
	if _, err := w.six(ctx); err != nil {
		return err
	}
	return w.judging(what, judge)
}

// all6 is a verdict on what each client should have.
func (w *world) all6(what string, lack func(*netmgr.NetworkManager) []netmgr.Problem) func(context.Context) error {
	return func(ctx context.Context) error {
		return w.judging6(ctx, what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) { return lack(m), nil })
	}
}

func (w *world) reachInternet6(ctx context.Context) error {
	if err := w.pingAll(toInternet)(ctx, "ipv6"); err != nil {
		return err
	}
	return w.allResponded()
}

func (w *world) differ6(ctx context.Context) error {
	m, err := w.six(ctx)
	if err != nil {
		return err
	}
	return firm(verdict(m, "share an interface identifier", m.SameInterface()))
}

// unique46 is about the addresses of both families.
func (w *world) unique46(ctx context.Context) error {
	m, err := w.six(ctx)
	if err != nil {
		return err
	}
	return firm(verdict(m, "share an address", append(m.Duplicates(), m.Duplicates6()...)))
}

func (w *world) reachable46(ctx context.Context) error {
	return w.judging6(ctx, "cannot be reached", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		return append(m.Unreachable(ctx, w.ping()), m.Unreachable6(ctx, w.ping())...), nil
	})
}

func (w *world) deprecated6(ctx context.Context) error {
	since := time.Now()
	if w.event != nil && w.event.what == routerRebooted {
		since = w.event.past.At
	}
	return w.judging("use an old prefix", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		return m.Stale6(ctx, since, time.Now().Add(w.config().DHCP.Timeout))
	})
}

func (w *world) followsIPv6(ctx context.Context) error {
	m, err := w.six(ctx)
	if err != nil {
		return err
	}
	routers := m.Routers6()
	if len(routers) == 0 {
		return errors.New("no router has advertised itself: " + m.Clients()[0].Missing6().Error())
	}
	// How often it does is seen after a while only: the first may have been for one client.
	if err := packets.Pause(ctx, time.Until(routers[0].First.Add(2*ra.LeastGap))); err != nil {
		return err
	}
	against := m.Remarks6()
	if len(against) == 0 {
		return nil
	}
	return firm(errors.New("the router does not follow the IPv6 standards: " + strings.Join(netmgr.RemarkLines(against, len(m.Clients())), "; ")))
}

// tell6 records what clients have of IPv6, if that is news.
func (w *world) tell6(m *netmgr.NetworkManager, report health.Report) {
	took := measure.NewDistribution()
	t := &record.Table{Shown: true, Columns: []record.Column{
		{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "IPv6 address", Text: true}, {Name: "by", Text: true}, {Name: "after", Unit: record.Seconds},
	}}
	have := 0
	for _, c := range m.Clients() {
		row := []any{c.Name, c.MAC.String(), nil, nil, nil}
		for i, a := range c.Global6() {
			by := "SLAAC"
			if a.Addr() == c.ByDHCPv6() {
				by = "DHCPv6"
			}
			row[2], row[3], row[4] = a.String(), by, c.After6(a).Seconds()
			if i == 0 {
				have++
				took.Record(c.After6(a))
			}
			t.Rows = append(t.Rows, slices.Clone(row))
		}
		if row[2] == nil {
			t.Rows = append(t.Rows, row)
		}
	}
	var routers []string
	for _, r := range m.Routers6() {
		routers = append(routers, r.String())
	}
	text := fmt.Sprintf("IPv6: %d of %d clients have a global address", have, len(m.Clients()))
	if have > 0 {
		text += fmt.Sprintf(", half of them after %s, the last after %s", measure.Short(took.P50()), measure.Short(took.Max()))
	}
	if routers == nil {
		text += "; no router has advertised itself"
	} else {
		text += "; router " + strings.Join(routers, ", and ")
	}
	if text == w.told6 {
		return
	}
	w.told6 = text
	w.suite.chronicle.routers6(routers)
	a := activity("IPv6 addresses", text, report)
	a.Clients = t
	figures := []record.Figure{figure("clients with a global IPv6 address", float64(have), record.Count)}
	if have > 0 {
		figures = append(figures, key("IPv6 address after, p95", took.P95().Seconds(), record.Seconds))
	}
	a.Figures = append(figures, a.Figures...)
	w.suite.chronicle.activity(a)
	for _, r := range netmgr.RemarkLines(m.Remarks6(), len(m.Clients())) {
		w.suite.chronicle.message("remark", "%s", r)
	}
}
