package signals

import (
	"context"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// send sends this process a signal, which must end ctx.
func send(t *testing.T, sig syscall.Signal, ctx context.Context) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatalf("%v has not ended it", sig)
	}
}

func TestTheFirstSignalEndsTheRunAndTheSecondPatience(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if signal.Ignored(sig) { // as under nohup(1)
			continue
		}
		run, patience, stop := Watch(t.Context())
		send(t, sig, run)
		if i, ok := Interruption(run); !ok || i.ExitCode() != 128+int(sig) {
			t.Errorf("%v: %v", sig, context.Cause(run))
		}
		if patience.Err() != nil {
			t.Errorf("%v has ended patience", sig)
		}
		send(t, syscall.SIGINT, patience)
		stop()
	}
}

func TestAnOrphanIsTerminatedAndPatient(t *testing.T) {
	run, patience, stop := Watch(t.Context())
	defer stop()
	send(t, Orphaned, run)
	if i, ok := Interruption(run); !ok || i.Signal != syscall.SIGTERM || i.Error() != "interrupted by SIGTERM" {
		t.Error(context.Cause(run))
	}
	send(t, syscall.SIGINT, run) // the first that somebody sent
	if patience.Err() != nil {
		t.Error("one signal has ended patience")
	}
}

func TestWhatEndsByItselfIsNotInterrupted(t *testing.T) {
	run, _, stop := Watch(t.Context())
	stop()
	if i, ok := Interruption(run); ok || run.Err() == nil {
		t.Error(i)
	}
}
