package steps

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "interrupted by " + unix.SignalName(i.signal) }

// exitCode is what a shell reports of a program that the signal killed.
func (i interrupted) exitCode() int { return 128 + int(i.signal) }

// orphaned is the signal by which a process learns that `godog run`, which
// started it, was killed. It counts as SIGTERM, but only when nothing came
// before: an interrupt from the terminal ends both at once.
const orphaned = syscall.SIGUSR1

// watchSignals returns a context that the first SIGINT, SIGTERM or SIGHUP
// ends, and one that the second does: the end of the patience with which the
// router is waited for.
func watchSignals(parent context.Context) (run, patience context.Context, stop func()) {
	run, endRun := context.WithCancelCause(parent)
	patience, endPatience := context.WithCancel(context.WithoutCancel(parent))
	ch := make(chan os.Signal, 8)
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM, orphaned}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) makes it
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(ch, signals...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case sig := <-ch:
				switch {
				case run.Err() == nil && sig == orphaned:
					endRun(interrupted{syscall.SIGTERM})
				case run.Err() == nil:
					endRun(interrupted{sig.(syscall.Signal)})
				case sig != orphaned:
					endPatience()
				}
			}
		}
	}()
	return run, patience, func() {
		signal.Stop(ch)
		close(done)
		endPatience()
		endRun(nil)
	}
}

// interruption is the signal that ended ctx, if one did.
func interruption(ctx context.Context) (i interrupted, ok bool) {
	return i, errors.As(context.Cause(ctx), &i)
}
