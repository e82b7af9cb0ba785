package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) connectivity() []sentence {
	const (
		toGoogle  = "every client pings targets.google_dns (8.8.8.8) or, with IPV6, targets.google_dns_ipv6, all at once, for ping.duration"
		toGateway = "every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration"
	)
	return []sentence{
		{`all clients attempt to ping Google DNS[ <IPV4>]`, toGoogle, w.pingAll(toInternet)},
		{`all clients attempt to ping the router simultaneously[ using][ <IPV4>]`, toGateway, w.pingAll(toRouter)},
		{`all clients ping the router in parallel`, toGateway, w.pingRouterIPv4},
		{`All the client pinging parallel`, toGateway, w.pingRouterIPv4},
		{`all clients should respond successfully`, "no client lost more than ping.max_loss of its last pings", w.allResponded},
		{`each client should successfully reach the router`, "the same of the pings to the router, which are made if there were none", w.reached(toRouter)},
		{`each client should successfully reach the internet`, "the same of the pings to Google DNS, which are made if there were none", w.reached(toInternet)},
		{`the overall network connectivity should remain stable`, "at least ping.min_answered of the clients had an answer to their last pings", w.stable},
	}
}

// ping is how godog.yml wants pings to be made.
func (w *world) ping() netmgr.Ping {
	p := w.config().Ping
	return netmgr.Ping{Count: p.Requests(), Interval: p.Interval, Timeout: p.Timeout}
}

func (w *world) pingRouterIPv4(ctx context.Context) error { return w.pingAll(toRouter)(ctx, "") }

func (w *world) pingAll(base target) func(context.Context, string) error {
	return func(ctx context.Context, family string) error {
		whom := base
		if strings.EqualFold(family, "ipv6") {
			if _, err := w.six(ctx); err != nil {
				return err
			}
			whom = whom.over6()
		} else if err := w.four(); err != nil {
			return err
		}
		report, err := w.round(ctx, whom, w.ping(), func(m *netmgr.NetworkManager, t netmgr.Target, p netmgr.Ping) []netmgr.PingResult {
			return m.PingAll(ctx, t, p)
		})
		if err == nil {
			w.suite.chronicle.activity(pingActivity(w.last, report))
		}
		return err
	}
}

// round has do ping whom, at a pace that it can bear, while the tester watches itself.
func (w *world) round(ctx context.Context, whom target, p netmgr.Ping, do func(*netmgr.NetworkManager, netmgr.Target, netmgr.Ping) []netmgr.PingResult) (report health.Report, err error) {
	m, err := w.standing()
	if err != nil {
		return report, err
	}
	round := &pinged{whom: whom}
	p.Interval, round.pace = w.pace(whom, len(m.Clients()))
	took := p.Duration
	if p.Count > 0 {
		took = time.Duration(p.Count) * p.Interval
	}
	w.suite.chronicle.left(took + p.Timeout)
	report = w.watched(m, false, func() {
		round.beside = w.beside(ctx, whom, func() { round.results = do(m, w.targetOf(whom), p) })
	})
	base, _ := whom.base()
	w.last, w.rounds[base] = round, round
	return report, context.Cause(ctx)
}

// targetOf is what whom stands for in godog.yml.
func (w *world) targetOf(whom target) netmgr.Target {
	t := w.config().Targets
	switch {
	case whom == toInternet.over6():
		return netmgr.Host6(t.GoogleDNS6)
	case whom == toRouter.over6() && t.Router6.IsValid():
		return netmgr.Host6(t.Router6)
	case whom == toRouter.over6():
		return netmgr.Router6
	case whom == toInternet:
		return netmgr.Host(t.GoogleDNS)
	case t.Router.IsValid():
		return netmgr.Host(t.Router)
	}
	return netmgr.Gateway
}

func (w *world) allResponded() error { return w.judge(w.last, w.config().Ping.MaxLoss) }

func (w *world) reached(whom target) func(context.Context) error {
	return func(ctx context.Context) error {
		if w.rounds[whom] == nil {
			if err := w.pingAll(whom)(ctx, ""); err != nil {
				return err
			}
		}
		return w.judge(w.rounds[whom], w.config().Ping.MaxLoss)
	}
}

var errNoPings = errors.New(`nothing was pinged yet: say "all clients attempt to ping Google DNS" or "all clients ping the router in parallel" first`)

// judge wants every client to have an answer, and none to have lost more than
// limit percent.
func (w *world) judge(round *pinged, limit float64) error {
	if round == nil {
		return errNoPings
	}
	silent := round.silent()
	var lossy []netmgr.Problem
	asked := 0
	for _, r := range round.results {
		asked = max(asked, r.Asked)
		if r.Received > 0 && r.Loss() > limit {
			reason := r.Reason
			if reason == "" {
				reason = fmt.Sprintf("lost %d of %d", r.Asked-r.Received, r.Asked)
			}
			lossy = append(lossy, problem(r, reason))
		}
	}
	if len(lossy) == 0 {
		return round.verdict(w.m, "did not reach "+string(round.whom), silent)
	}
	what := fmt.Sprintf("lost 1 or more of %d pings to %s", asked, round.address())
	if limit > 0 {
		what = fmt.Sprintf("lost more than %g%% of %d pings to %s", limit, asked, round.address())
	}
	if len(silent) > 0 {
		what += fmt.Sprintf(", and %d of them had no answer", len(silent))
	}
	return round.verdict(w.m, what, append(silent, lossy...))
}

func problem(r netmgr.PingResult, reason string) netmgr.Problem {
	return netmgr.Problem{Client: r.Client, MAC: r.MAC, Err: errors.New(reason)}
}

// verdict is that of the clients, and what the control saw.
func (p *pinged) verdict(m *netmgr.NetworkManager, what string, problems []netmgr.Problem) error {
	if len(problems) > 0 && p.beside != "" {
		what += fmt.Sprintf(" (%s)", p.beside)
	}
	return verdict(m, what, problems)
}

// address is that of the target, if all clients had the same.
func (p *pinged) address() string {
	for _, r := range p.results {
		if r.Target != p.results[0].Target {
			return string(p.whom)
		}
	}
	return p.results[0].Target.String()
}

// silent are the clients that had no answer.
func (p *pinged) silent() (silent []netmgr.Problem) {
	for _, r := range p.results {
		if r.Received == 0 {
			silent = append(silent, problem(r, r.Reason))
		}
	}
	return silent
}

func (w *world) stable() error {
	if w.last == nil {
		return errNoPings
	}
	silent := w.last.silent()
	total := len(w.last.results)
	answered := 100 * float64(total-len(silent)) / float64(total)
	if limit := w.config().Ping.MinAnswered; answered < limit {
		return fmt.Errorf("only %.4g%% of the clients had an answer, not %g%%: %w", answered, limit,
			w.last.verdict(w.m, "did not reach "+string(w.last.whom), silent))
	}
	return nil
}
