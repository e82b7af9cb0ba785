// Package signals has a program end its work, and clean up, when it is told to
// end (signal(7)).
package signals

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Signal syscall.Signal }

func (i Interrupted) Error() string { return "interrupted by " + unix.SignalName(i.Signal) }

// ExitCode is what a shell reports of a program that the signal killed.
func (i Interrupted) ExitCode() int { return 128 + int(i.Signal) }

// Interruption is the signal that ended ctx, if one did.
func Interruption(ctx context.Context) (i Interrupted, ok bool) {
	return i, errors.As(context.Cause(ctx), &i)
}

// Orphaned is the signal by which a process learns that `godog run`, which
// started it, was killed. It counts as SIGTERM when nothing came before, and never
// as a second signal: an interrupt from the terminal ends both at once.
const Orphaned = syscall.SIGUSR1

// SurviveClosedPipes makes an error of a write to a standard output or error
// that nobody reads any more: Go ends the process. (signal.Ignore would be handed
// on to the programs that the lab starts.) The signal itself is no news: it
// comes of sockets, too.
func SurviveClosedPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// Watch returns a context that the first SIGINT, SIGTERM, SIGHUP or SIGQUIT ends,
// and one that the second does: the end of the patience with which the router is
// waited for.
func Watch(parent context.Context) (run, patience context.Context, stop func()) {
	run, endRun := context.WithCancelCause(parent)
	patience, endPatience := context.WithCancel(context.WithoutCancel(parent))
	ch := make(chan os.Signal, 8)
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, Orphaned}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) makes it
		all = append(all, syscall.SIGHUP)
	}
	signal.Notify(ch, all...)
	done := make(chan struct{})
	go func() {
		told := false
		for {
			select {
			case <-done:
				return
			case sig := <-ch:
				switch {
				case sig == Orphaned:
					endRun(Interrupted{syscall.SIGTERM})
				case told: // not: the run has ended, for an interrupt may end the reader first
					endPatience()
				default:
					told = true
					endRun(Interrupted{sig.(syscall.Signal)})
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
