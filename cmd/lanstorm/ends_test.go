package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// manyPings keep the clients of a scenario standing for minutes.
const manyPings = "LANSTORM_PING_COUNT=1000"

// eventually waits for what happens soon but not at once.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what)
		}
	}
}

// piped starts cmd with both its outputs in a pipe, and reads until there is a
// line that contains text. After leave nobody reads any more.
func piped(t *testing.T, cmd *exec.Cmd, text string) (leave func() error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for lines := bufio.NewScanner(r); lines.Scan() && !strings.Contains(lines.Text(), text); {
	}
	return r.Close
}

// What ends a run from outside, without a signal that it expects or with nobody
// left to tell, is an interruption like others: all is cleaned up, and every
// lease given back.
func TestRunsCleanUpAfterAnyEnd(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	before := labThatTells(t)
	for _, tt := range []struct {
		name, env string
		sig       syscall.Signal // sent when the clients stand, just before the reader leaves; 0: none
	}{
		{"SIGQUIT", manyPings, syscall.SIGQUIT},
		{"the end of the reader", "LANSTORM_PING_COUNT=100", 0},
		{"SIGINT", manyPings, syscall.SIGINT},
	} {
		for _, program := range []string{"lanstorm", "godog.test"} { // the latter is what `godog run` builds and starts
			t.Run(tt.name+" of "+program, func(t *testing.T) {
				args := []string{"f.feature"}
				if program == "lanstorm" {
					args = []string{"run", "f.feature"}
				}
				cmd, _ := lanstorm(t, args...)
				cmd.Args[0] = program
				cmd.Env = append(cmd.Env, tt.env, "LANSTORM_INTERFACE=lab0")
				leave := piped(t, cmd, "40 clients in ")
				if tt.sig != 0 {
					if err := cmd.Process.Signal(tt.sig); err != nil {
						t.Fatal(err)
					}
				}
				if err := leave(); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				// Which of the two it hears of first is a matter of chance.
				if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGPIPE) && (tt.sig == 0 || code != 128+int(tt.sig)) {
					t.Errorf("%v", cmd.ProcessState)
				}
				if left := keptLeases(t); left != "" {
					t.Errorf("the router still holds leases:\n%s", left)
				}
				if diff := cmp.Diff(before, mustState(t)); diff != "" {
					t.Errorf("it left (-before +after):\n%s", diff)
					mustRun(t, "clean")
				}
			})
		}
	}
}

func TestLabsThatCannotStayGo(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	before := mustState(t)
	goneWithin := func(t *testing.T, patience time.Duration) (diff string) {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if diff = cmp.Diff(before, mustState(t)); diff == "" {
				return ""
			}
		}
		mustRun(t, "lab", "down")
		mustRun(t, "clean")
		return diff
	}
	gone := func(t *testing.T) {
		t.Helper()
		if diff := goneWithin(t, 5*time.Minute); diff != "" {
			t.Errorf("it left (-before +after):\n%s", diff)
		}
	}
	t.Run("after SIGQUIT", func(t *testing.T) {
		cmd, _ := lanstorm(t, "lab", "up", "--foreground")
		leave := piped(t, cmd, "The lab stands")
		defer leave()
		if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		gone(t)
	})
	t.Run("when nobody reads that they stand", func(t *testing.T) {
		cmd, _ := lanstorm(t, "lab", "up", "--foreground")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd.Stdout = w
		_ = cmd.Run()
		w.Close()
		gone(t)
	})
	t.Run("when who wanted them was killed", func(t *testing.T) {
		var diff string
		for range 5 { // for it may stand, and have said so, before it is killed
			cmd, _ := lanstorm(t, "lab", "up")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "there is a beginning of it", func() bool {
				runs, err := journal.Records()
				return err == nil && len(runs) > 0
			})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if diff = goneWithin(t, 10*time.Second); diff == "" {
				return
			}
		}
		t.Errorf("it left (-before +after):\n%s", diff)
	})
}
