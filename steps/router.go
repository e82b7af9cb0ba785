package steps

import (
	"fmt"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// router is the sentences that make the lab's router misbehave: one for each
// kind of fault, and what is no fault but an event.
func (w *world) router() []sentence {
	var list []sentence
	for _, k := range fault.Kinds {
		list = append(list, sentence{k.Sentence, fmt.Sprintf("%s (lab.faults: %s)", k.Means, k.Usage()), w.breaks(k)})
	}
	return append(list,
		sentence{`the lab router reboots`, "as after a power cut: link down for a moment, leases forgotten", w.rebootRouter},
		sentence{`the lab router works again`, "as godog.yml says, with what it does wrong there", w.healRouter})
}

// breaks is what the sentence about a fault does, with the argument that it says.
func (w *world) breaks(k fault.Kind) any {
	switch {
	case strings.Contains(k.Sentence, "<x>/<x>"):
		return func(down, up float64) error { return w.breakRouter(k.With(fault.Mbits(down, up))) }
	case strings.Contains(k.Sentence, "<time>"):
		return func(d time.Duration) error { return w.breakRouter(k.With(d)) }
	case strings.Contains(k.Sentence, "<x>%"):
		return func(percent float64) error { return w.breakRouter(k.With(percent)) }
	case strings.Contains(k.Sentence, "<n>"):
		return func(n int) error { return w.breakRouter(k.With(n)) }
	}
	return func() error { return w.breakRouter(k.With(nil)) }
}

// breakRouter holds until the end of the scenario, or healRouter.
func (w *world) breakRouter(f fault.Fault) error {
	l, err := w.lab()
	if err != nil {
		return err
	}
	if isolates(f) && w.m != nil && len(w.m.Clients()) > 0 {
		return &netmgr.RefusedError{Reason: "how clients are attached decides whom they reach, so isolate them before they are created"}
	}
	if err := l.Break(f); err != nil {
		return &netmgr.RefusedError{Reason: err.Error()}
	}
	w.routerChanged()
	return nil
}

func (w *world) rebootRouter() error {
	l, err := w.lab()
	if err != nil {
		return err
	}
	w.routerChanged()
	if w.m != nil {
		w.happens(w.m, routerRebooted)
	}
	down, err := l.Reboot()
	if w.m != nil {
		w.event.past.At = down
	}
	return err
}

func (w *world) healRouter() error {
	l, err := w.lab()
	if err != nil {
		return err
	}
	w.routerChanged()
	return l.Heal()
}

// lab is the lab, for sentences that make no sense without.
func (w *world) lab() (*lab.Lab, error) {
	if w.suite.lab == nil {
		return nil, &netmgr.RefusedError{Reason: fmt.Sprintf(
			"only the lab's router does wrong on purpose, and this run uses %s (set interface to lab)", w.suite.parent)}
	}
	return w.suite.lab, nil
}

// routerChanged lets verdicts about the router or the Internet ping anew, and
// the first clients be attached as the router now wants it.
func (w *world) routerChanged() {
	clear(w.rounds)
	if w.m != nil && len(w.m.Clients()) == 0 {
		w.suite.unreleased += w.m.Unreleased()
		w.m = nil
	}
}

func isolates(f fault.Fault) bool {
	var c fault.Conditions
	return f.Apply(&c) == nil && c.Isolation
}

// heal makes the lab's router, if there is one, ready for the next scenario.
func (s *Suite) heal() error {
	if s.lab == nil {
		return nil
	}
	if err := s.lab.Reset(); err != nil {
		return fmt.Errorf("the lab's router: %w", err)
	}
	return nil
}

// macvlanMode is how clients are attached. In mode bridge the host passes
// frames from client to client, where no router could keep them apart. In mode
// vepa all frames go to the router: the lab's sends none back where it came
// from, and so isolates.
func (s *Suite) macvlanMode() string {
	mode := s.Config.Clients.MacvlanMode
	if mode == "bridge" && s.lab != nil && s.lab.Conditions().Isolation {
		return "vepa"
	}
	return mode
}

// poolHint tells whose number it is that was too small for n clients.
func (w *world) poolHint(n int) string {
	if w.suite.lab == nil {
		return ""
	}
	pool := w.suite.lab.Conditions().Pool
	switch {
	case n <= pool:
		return ""
	case pool == w.config().Lab.Pool:
		return fmt.Sprintf("the lab's router has %d addresses: raise lab.pool", pool)
	}
	return fmt.Sprintf("the lab's router hands out %d addresses on purpose", pool)
}
