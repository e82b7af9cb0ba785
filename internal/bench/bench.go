// Package bench measures what clients cost: the time of each phase of their
// making and unmaking, and the memory, descriptors and threads that they hold
// while they stand idle. It measures in a lab that it builds itself, never on a
// real interface, and leaves nothing behind.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// Options says what is measured.
type Options struct {
	Sizes    []int      // how many clients at once, one row each
	Server   lab.Server // whom they get their leases from
	Mode     string     // macvlan mode: bridge, private or vepa
	Repeat   int        // how often each size is measured; the row has the medians
	Progress io.Writer  // gets a line whenever something else is measured

	// Patience ends when the router is not to be waited for any more.
	Patience context.Context
}

// Report is what was measured.
type Report struct {
	Rows []Row // one for each size, in the order of Options.Sizes
}

// StartError says that nothing could be measured, and that nothing was made.
type StartError struct{ err error }

func (e *StartError) Error() string { return e.err.Error() }
func (e *StartError) Unwrap() error { return e.err }

// Run measures each size in a lab of its own. The error is a *StartError when
// it did not get that far; otherwise the report has what was measured before
// the error. Clients that nobody answered are no error, but in Row.Failures.
func Run(ctx context.Context, opts Options) (r Report, err error) {
	s, err := begin(opts)
	if err != nil {
		return r, &StartError{err}
	}
	defer func() { err = errors.Join(err, s.end(err != nil)) }()
	for _, n := range opts.Sizes {
		err := s.inLab(opts.Server, func(l *lab.Lab) error {
			row, err := s.measure(ctx, l, n)
			r.Rows = append(r.Rows, row)
			return err
		})
		if err != nil && len(r.Rows) == 0 { // there is no lab
			err = &StartError{err}
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// measure measures one size as often as was asked for. A row without a round
// that came to its end is all zeros but for what it says of itself.
func (s *session) measure(ctx context.Context, l *lab.Lab, n int) (Row, error) {
	var rounds []Round
	for i := range s.Repeat {
		s.say("%s, %s mode, %d clients: %d of %d", title(s.Server), s.Mode, n, i+1, s.Repeat)
		r, err := s.round(ctx, l, n)
		if err != nil {
			return newRow(s.Options, n, rounds), fmt.Errorf("%d clients, %s: %w", n, title(s.Server), err)
		}
		rounds = append(rounds, r)
	}
	return newRow(s.Options, n, rounds), nil
}

// title is what people call a server.
func title(s lab.Server) string {
	switch s {
	case lab.Dnsmasq:
		return "dnsmasq"
	case lab.Kea:
		return "Kea"
	}
	return "lab"
}
