package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/machine"
)

// serving is what the journal of a standing lab says that its run is: a lab
// that outlives the command which started it.
const serving = "lab up"

// Serve builds a lab and keeps it standing until ctx ends. There is at most
// one such lab at a time. ready is called when it stands.
func Serve(ctx context.Context, opts Options, ready func(*Lab)) (err error) {
	if r, err := standing(); err == nil {
		return fmt.Errorf("a lab is standing already (pid %d, interface %s): take it down with: sudo %s lab down", r.PID, labOf(r), machine.Program())
	}
	if opts.Journal, err = journal.Begin(serving); err != nil {
		return err
	}
	l, err := Start(opts)
	if err != nil {
		return errors.Join(err, opts.Journal.End())
	}
	ready(l)
	<-ctx.Done()
	if err := l.Close(); err != nil {
		return errors.Join(err, opts.Journal.Abandon())
	}
	return opts.Journal.End()
}

// downTime bounds how long a standing lab may take to go, on a machine that is busy, too.
const downTime = 30 * time.Second

// Down takes the standing lab down and returns its link. The error is
// os.ErrNotExist when there is none.
func Down() (parent string, err error) {
	r, err := standing()
	if err != nil {
		return "", err
	}
	// The process that holds the journal is alive, so the number is still its.
	if err := syscall.Kill(r.PID, syscall.SIGTERM); err != nil {
		return "", fmt.Errorf("pid %d: %w", r.PID, err)
	}
	for end := time.Now().Add(downTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if now, err := standing(); errors.Is(err, os.ErrNotExist) || now.ID != r.ID {
			return labOf(r), nil
		}
	}
	return "", fmt.Errorf("the lab (pid %d) is still there after %s", r.PID, downTime)
}

// standing finds the run that keeps a lab standing.
func standing() (journal.Record, error) {
	runs, err := journal.Records()
	if err != nil {
		return journal.Record{}, err
	}
	for _, r := range runs {
		if r.Live && r.Command == serving {
			return r, nil
		}
	}
	return journal.Record{}, os.ErrNotExist
}

// Standing is the link of the standing lab, or "".
func Standing() string {
	r, err := standing()
	if err != nil {
		return ""
	}
	return labOf(r)
}

// labOf is the lab that a run recorded last: the one that it got.
func labOf(r journal.Record) string {
	if len(r.Labs) == 0 {
		return "none yet"
	}
	return r.Labs[len(r.Labs)-1]
}
