// Package steps is the vocabulary of lanstorm's features: each sentence is
// turned into a call or two of netmgr or the lab. world.go is the state of a scenario, suite.go
// a run of many.
package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/netmgr"
)

// world is the state of one scenario. A new one is made for each.
type world struct {
	suite *Suite                 // the run that the scenario is part of
	m     *netmgr.NetworkManager // nil until a sentence needs it

	last      *pinged                    // the newest round of pings
	rounds    map[target]*pinged         // the newest round for each target
	latencies map[target]*netmgr.Latency // the newest measurement for each target
	worked    []*busy                    // the newest work that is over: one of each kind
	kept      []*busy                    // work that goes on beside the sentences
	fileSize  size                       // of what is downloaded from the lab; 0: not said
	source    string                     // of downloads, if a sentence has named it
	assigned  time.Duration              // of work by chance that has not begun; 0: none
	loaded    *loaded                    // the newest measurement under load
	event     *event                     // the newest that clients are to recover from
	began     time.Time
	limits    []health.Limit  // of the tester's own, that it was at in this scenario
	outages   []netmgr.Outage // of the parent link, likewise
	told6     string          // of the clients' IPv6, last
}

// target is whom a round of pings went to.
type target string

const (
	toRouter   target = "the router"
	toInternet target = "the Internet"
)

// pinged is one round of pings from every client.
type pinged struct {
	whom    target
	results []netmgr.PingResult
	pace    string // why they were further apart than asked; mostly empty
	beside  string // what the control saw meanwhile; empty when there is none
}

func (p *pinged) String() string {
	answered, asked, sent, received := 0, 0, 0, 0
	for _, r := range p.results {
		asked += r.Asked
		sent += r.Sent
		received += r.Received
		if r.Received > 0 {
			answered++
		}
	}
	text := fmt.Sprintf("pings to %s: %d of %d clients had an answer, %d replies to %d pings", p.whom, answered, len(p.results), received, sent)
	if sent < asked {
		text += fmt.Sprintf(", and %d were not sent", asked-sent)
	}
	text += p.pace
	if p.beside != "" {
		text += "; " + p.beside
	}
	return text
}

// cleanupTime bounds the wait for a router that does not answer any more.
const cleanupTime = time.Minute

// begin hooks a fresh world to a scenario, and sees to it that whatever the
// scenario makes is removed: after success, failure and panic alike.
func begin(sc *godog.ScenarioContext, s *Suite) {
	w := &world{suite: s, began: time.Now(), rounds: map[target]*pinged{}, latencies: map[target]*netmgr.Latency{}}
	if s.extra != nil {
		s.extra(sc, w)
	}
	sc.Before(func(ctx context.Context, _ *godog.Scenario) (context.Context, error) {
		if cause := context.Cause(ctx); cause != nil { // godog goes on to the next scenario
			return ctx, notRunError{fmt.Errorf("not run: %w", cause)}
		}
		s.begun++
		return ctx, nil
	})
	sc.After(func(ctx context.Context, _ *godog.Scenario, stepErr error) (_ context.Context, err error) {
		w.stay(ctx, stepErr)
		if err = errors.Join(w.cleanup(), s.heal()); err != nil {
			err = fmt.Errorf("cleanup: %w", err)
		}
		s.note(stepErr, err)
		return ctx, err
	})
	sc.StepContext().After(interrupt)
	define(sc, w)
}

// interrupt fails a step that an interruption cut short, whatever the step says:
// half a minute of pings proves nothing about a whole one.
func interrupt(ctx context.Context, _ *godog.Step, status godog.StepResultStatus, err error) (context.Context, error) {
	done := status == godog.StepPassed || status == godog.StepFailed
	if cause := context.Cause(ctx); cause != nil && done && !errors.Is(err, cause) {
		return ctx, cause
	}
	return ctx, nil
}

// cleanup removes the scenario's clients, even when the scenario was
// interrupted.
func (w *world) cleanup() error {
	if w.m == nil {
		return nil
	}
	kept := w.stop("")
	ctx, cancel := context.WithTimeout(w.suite.patience, cleanupTime)
	defer cancel()
	err := w.m.Cleanup(ctx)
	w.suite.unreleased += w.m.Unreleased()
	return errors.Join(kept, err)
}

// manager is the scenario's NetworkManager, made on first use.
func (w *world) manager() (*netmgr.NetworkManager, error) {
	if w.m != nil {
		return w.m, nil
	}
	m, err := netmgr.New(w.suite.managerOptions())
	w.m = m
	return m, w.sinceTheStart(err)
}

// standing is the manager, if the scenario has clients to speak of.
func (w *world) standing() (*netmgr.NetworkManager, error) {
	if w.m == nil || len(w.m.Clients()) == 0 {
		return nil, errors.New(`there are no clients yet: say "I create <n> virtual clients using macvlan" first`)
	}
	return w.m, nil
}

// four refuses what is about IPv4, if clients speak none.
func (w *world) four() error {
	if w.config().IPFamily == "ipv6" {
		return refuse("the sentence is about IPv4, and clients speak none: set ip_family to dual or ipv4")
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &netmgr.RefusedError{Reason: fmt.Sprintf(format, args...)}
}

func (w *world) config() config.Config { return w.suite.Config }

// verdict turns problems into the one line that a QA engineer reads.
func verdict(m *netmgr.NetworkManager, what string, problems []netmgr.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	clients := map[string]bool{}
	for _, p := range problems {
		clients[p.Client] = true
	}
	return &clientsError{
		text:     fmt.Sprintf("%d of %d clients %s: %s", len(clients), len(m.Clients()), what, grouped(problems)),
		problems: problems,
	}
}

func grouped(problems []netmgr.Problem) string {
	return netmgr.Grouped(problems, func(p netmgr.Problem) (string, string) { return p.Client, p.Err.Error() })
}
