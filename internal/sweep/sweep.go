// Package sweep undoes, from their journals, the runs whose process died. A
// live run is never touched, nor is anything that was never a run's.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Result is what was left of one run, or would be removed in a dry run.
type Result struct {
	Run     journal.Record
	Clients int // that still stood, in whole or in part
	Links   int // in /etc/netns, of runs without a journal: then nothing else is known of them
}

func (r Result) String() string {
	if r.Links > 0 {
		return fmt.Sprintf("runs whose journals are gone, as after a loss of power: %d links in %s", r.Links, namespace.EtcDir)
	}
	text := fmt.Sprintf("the run %q of %s (pid %d): %d clients", r.Run.Command, r.Run.Started.Format(time.DateTime), r.Run.PID, r.Clients)
	for _, l := range r.Run.Labs {
		text += ", " + l
	}
	return text
}

// Dead removes what is left of dead runs, and says what that was. In a dry run
// it only says so. The end of ctx stops the wait for routers that are to take
// leases back, not the removal.
func Dead(ctx context.Context, dry bool) (results []Result, err error) {
	runs, err := journal.Records()
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.Live {
			continue
		}
		result, undoErr := undo(ctx, r, dry)
		if undoErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", result, undoErr))
		} else if result.Run.ID != "" {
			results = append(results, result)
		}
	}
	n, orphanErr := netmgr.RemoveOrphans(dry)
	if n > 0 {
		results = append(results, Result{Links: n})
	}
	err = errors.Join(err, orphanErr)
	if !dry {
		err = errors.Join(err, journal.Tidy())
	}
	return results, err
}

func undo(ctx context.Context, r journal.Record, dry bool) (Result, error) {
	run, err := journal.TakeOver(r.ID)
	if run == nil || err != nil {
		return Result{}, err // alive after all, or another process is at it
	}
	m, err := netmgr.Adopt(r, run)
	if err != nil {
		return Result{Run: r}, errors.Join(err, run.Abandon())
	}
	result := Result{Run: r, Clients: len(m.Clients())}
	if dry {
		return result, errors.Join(m.Disown(), run.Abandon())
	}
	err = m.Cleanup(ctx)
	for _, name := range r.Labs {
		err = errors.Join(err, lab.Remove(name, r.Mark()))
	}
	if err != nil {
		return result, errors.Join(err, run.Abandon())
	}
	return result, run.End()
}
