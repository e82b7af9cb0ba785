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
// started it, was killed. It counts as SIGTERM when nothing came before, and never
// as a second signal: an interrupt from the terminal ends both at once.
const orphaned = syscall.SIGUSR1

// SurviveClosedPipes makes an error of a write to a standard output or error
// that nobody reads any more: Go ends the process. (signal.Ignore would be handed
// on to the programs that the lab starts.) The signal itself is no news: it
// comes of sockets, too.
func SurviveClosedPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// watchSignals returns a context that the first SIGINT, SIGTERM, SIGHUP or
// SIGQUIT ends, and one that the second does: the end of the patience with which the
// router is waited for.
func watchSignals(parent context.Context) (run, patience context.Context, stop func()) {
	run, endRun := context.WithCancelCause(parent)
	patience, endPatience := context.WithCancel(context.WithoutCancel(parent))
	SurviveClosedPipes()
	ch := make(chan os.Signal, 8)
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, orphaned}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) makes it
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(ch, signals...)
	done := make(chan struct{})
	go func() {
		told := false
		for {
			select {
			case <-done:
				return
			case sig := <-ch:
				switch {
				case sig == orphaned:
					endRun(interrupted{syscall.SIGTERM})
				case told: // not: the run has ended, for an interrupt may end the reader first
					endPatience()
				default:
					told = true
					endRun(interrupted{sig.(syscall.Signal)})
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

// why tells of an interruption, if there was one.
func why(ctx context.Context) string {
	if cause := context.Cause(ctx); cause != nil {
		return ": " + cause.Error()
	}
	return ""
}

// interruption is the signal that ended ctx, if one did.
func interruption(ctx context.Context) (i interrupted, ok bool) {
	return i, errors.As(context.Cause(ctx), &i)
}
