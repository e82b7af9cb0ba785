// Package run is the beginning and the end that all runs have in common, whatever
// they do with clients in between.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lanstorm/lanstorm/internal/doctor"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/sweep"
)

// Begin looks whether this machine can do it on an interface ("lab", if not a real
// one), cleans up after runs that died, and opens a journal. notes get what people
// should know. The end of patience is as in sweep.Dead.
func Begin(patience context.Context, command, iface string, notes io.Writer) (*journal.Run, error) {
	for _, c := range doctor.Quick(doctor.Options{Interface: iface}) {
		switch c.Status {
		case doctor.Problem:
			return nil, errors.New(c.String())
		case doctor.Warning:
			fmt.Fprintln(notes, "warning:", c)
		}
	}
	swept, err := sweep.Dead(patience, false)
	for _, r := range swept {
		fmt.Fprintln(notes, "cleaned up after", r)
	}
	if err != nil {
		return nil, fmt.Errorf("cleaning up after an earlier run: %w", err)
	}
	return journal.Begin(command)
}

// End closes the journal of a run. What is left after one that failed is removed
// as if the run had been killed.
func End(patience context.Context, j *journal.Run, failed bool) error {
	if !failed {
		return j.End()
	}
	abandonErr := j.Abandon()
	_, sweepErr := sweep.Dead(patience, false)
	return errors.Join(abandonErr, sweepErr)
}
