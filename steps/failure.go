package steps

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/netmgr"
)

// failure is what a sentence found, with what has to be known beside it.
type failure struct {
	finding      error
	line         []string // what became of the parent link; told before
	tester       string   // its state, if that can explain the finding; told after, on a line of its own
	inconclusive bool
}

func (f *failure) Unwrap() error { return f.finding }

func (f *failure) Error() string {
	text := strings.Join(append(f.line, brieflyTold(f.finding)), "; ")
	if f.tester != "" {
		text += "\n      " + f.tester
	}
	return text
}

// firmError is a finding that no limit of the tester can explain, such as a lease
// of the wrong subnet.
type firmError struct{ error }

func (e firmError) Unwrap() error { return e.error }

func firm(err error) error {
	if err == nil {
		return nil
	}
	return firmError{err}
}

// testersError is a failure of this machine.
type testersError struct{ error }

func (e testersError) Unwrap() error { return e.error }

// sinceTheStart is err, a refusal by a parent link that was fit when the run began:
// so it is a finding, and no wrong request.
func (w *world) sinceTheStart(err error) error {
	var refused *netmgr.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	link, missing := net.InterfaceByName(w.suite.parent)
	switch {
	case missing != nil, link.Flags&net.FlagUp == 0:
		return testersError{errors.New(refused.Reason)}
	case link.Flags&net.FlagRunning == 0:
		return errors.New(refused.Reason)
	}
	return err
}

// explained is do, a sentence's function, with an error that explains itself.
func (w *world) explained(c chapter, do any) any {
	v := reflect.ValueOf(do)
	return reflect.MakeFunc(v.Type(), func(args []reflect.Value) []reflect.Value {
		if err := w.four(); c.leases && err != nil {
			return []reflect.Value{reflect.ValueOf(&err).Elem()}
		}
		out := v.Call(args)
		if len(out) == 0 {
			return out
		}
		last := &out[len(out)-1]
		if err, ok := last.Interface().(error); ok && err != nil {
			explained := w.explain(err)
			*last = reflect.ValueOf(&explained).Elem()
		}
		return out
	}).Interface()
}

func (w *world) explain(err error) error {
	var refused *netmgr.RefusedError
	if errors.As(err, &refused) {
		return err
	}
	f := &failure{finding: err}
	gone := false
	if w.m != nil {
		w.outagesSince(w.m, w.began)
	}
	for _, o := range w.outages {
		f.line = append(f.line, w.told(o))
		gone = gone || o.Gone || o.Down
	}
	var certain firmError
	var own testersError
	switch {
	case gone, errors.As(err, &own):
		f.tester, f.inconclusive = "tester: without its interface nothing can be said of the router: inconclusive", true
	case len(w.limits) > 0 && !errors.As(err, &certain):
		f.tester, f.inconclusive = health.Report{Limits: w.limits}.String()+"; this may be the reason: inconclusive", true
	case allTesters(err):
		f.tester, f.inconclusive = "tester: nothing of this says anything about the router: inconclusive", true
	}
	return f
}

// mostText is how much of a finding a terminal shows, in characters.
const mostText = 300

// brieflyTold is what is told of a finding; all of it is attached.
func brieflyTold(err error) string {
	text := []rune(err.Error())
	if len(text) <= mostText {
		return string(text)
	}
	cut := string(text[:mostText])
	if i := strings.LastIndexAny(cut, ";,:"); i > mostText/2 {
		cut = cut[:i]
	}
	return cut + " … (in full: the report)"
}

// told is an outage in words, with times since the scenario began.
func (w *world) told(o netmgr.Outage) string {
	at := fmt.Sprintf("%.1f s", max(0, o.From.Sub(w.began)).Seconds())
	switch {
	case o.Gone:
		return fmt.Sprintf("the interface %s vanished at %s", w.suite.parent, at)
	case o.Down:
		return fmt.Sprintf("%s was set down on this machine at %s", w.suite.parent, at)
	case o.To.IsZero():
		return fmt.Sprintf("%s lost its carrier at %s, and has none yet (the router's port or the cable)", w.suite.parent, at)
	}
	return fmt.Sprintf("%s lost its carrier at %s, for %.1f s (the router's port or the cable)", w.suite.parent, at, o.To.Sub(o.From).Seconds())
}

// clientsError is a verdict about clients.
type clientsError struct {
	text     string
	problems []netmgr.Problem
}

func (e *clientsError) Error() string { return e.text }

// allTesters reports whether each client's problem is the tester's, as it says
// itself or as the kernel does: it is not the router that has no space left.
func allTesters(err error) bool {
	var creation *netmgr.CreateError
	if errors.As(err, &creation) {
		return !slices.ContainsFunc(creation.Failed, func(f *netmgr.ClientError) bool {
			var no unix.Errno
			return !errors.As(f.Err, &no) || no == unix.ENETUNREACH || no == unix.EINVAL // by a lease that makes no sense
		})
	}
	var e *clientsError
	if !errors.As(err, &e) {
		return false
	}
	for _, p := range e.problems {
		if !strings.HasPrefix(p.Err.Error(), "tester: ") {
			return false
		}
	}
	return true
}

// outagesSince keeps what happened to the parent link since a time.
func (w *world) outagesSince(m *netmgr.NetworkManager, start time.Time) {
	for _, o := range m.Outages(start) {
		i := slices.IndexFunc(w.outages, func(known netmgr.Outage) bool { return known.From.Equal(o.From) })
		if i < 0 {
			i = len(w.outages)
			w.outages = append(w.outages, o)
		}
		w.outages[i] = o
	}
}
