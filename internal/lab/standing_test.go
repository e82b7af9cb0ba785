package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// serveEnv makes this binary a program that keeps a lab standing, with the
// server that it names: Down ends such programs, and tests kill them.
const serveEnv = "LANSTORM_TEST_SERVE"

func TestMain(m *testing.M) {
	if server := os.Getenv(serveEnv); server != "" {
		os.Exit(serve(lab.Server(server)))
	}
	nstest.Main(m)
}

func serve(server lab.Server) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	opts := ordinary()
	opts.Server = server
	if err := lab.Serve(ctx, opts, func(*lab.Lab) { fmt.Println("ready") }); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// otherProcess serves a lab in a process of its own.
func otherProcess(t *testing.T, server lab.Server) *exec.Cmd {
	t.Helper()
	nstest.Need(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), serveEnv+"="+string(server))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the lab does not stand: %s%v", line, err)
	}
	return cmd
}

// kill gives a process no time to tidy up.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // fails when it has ended
	_ = cmd.Wait()         // says that it was killed
}

// serving serves a lab in this process. stop ends it and returns the error of
// Serve.
func serving(t *testing.T) (stop func() error) {
	t.Helper()
	nstest.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan bool, 1), make(chan error, 1)
	go func() { ended <- lab.Serve(ctx, ordinary(), func(*lab.Lab) { ready <- true }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		t.Fatalf("the lab does not stand: %v", err)
	}
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() }) // whose error was seen when it was first called
	return stop
}

// recordOf is the journal of the run of a process.
func recordOf(t *testing.T, pid int) journal.Record {
	t.Helper()
	all, err := journal.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.PID == pid {
			return r
		}
	}
	t.Fatalf("pid %d has no journal", pid)
	return journal.Record{}
}

// parts are those of lab0 that are there and, if they can be, carry the mark.
func parts(t *testing.T, mark string) (there []string) {
	t.Helper()
	if _, err := netlink.LinkByName("lab0"); err == nil {
		there = append(there, "lab0")
	}
	for _, name := range []string{"lab0-router", "lab0-internet"} {
		ns, err := namespace.OpenMarked(name, mark)
		if err != nil {
			t.Fatal(err)
		}
		if ns != nil {
			there = append(there, name)
			ns.Close()
		}
	}
	return there
}

var allParts = []string{"lab0", "lab0-router", "lab0-internet"}

func TestALabStandsUntilItsContextEnds(t *testing.T) {
	nstest.Need(t)
	useOnce(t, ordinary())
	leavesNothing(t, func() {
		stop := serving(t)
		r := recordOf(t, os.Getpid())
		if !r.Live || cmp.Diff([]string{"lab0"}, r.Labs) != "" {
			t.Errorf("the journal says %+v, want that this process has lab0", r)
		}
		if diff := cmp.Diff(allParts, parts(t, r.Mark())); diff != "" {
			t.Errorf("while it stands (-want +got):\n%s", diff)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyOneLabStandsAtATime(t *testing.T) {
	stop := serving(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := lab.Serve(ctx, ordinary(), func(*lab.Lab) { cancel() })
	want := fmt.Sprintf("a lab is standing already (pid %d, interface lab0): take it down with: sudo lanstorm lab down", os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("the second Serve: %v\nwant %s", err, want)
	}
	if diff := cmp.Diff(allParts, parts(t, recordOf(t, os.Getpid()).Mark())); diff != "" {
		t.Errorf("the first lab (-want +got):\n%s", diff)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := serving(t)(); err != nil { // its place is free again
		t.Error(err)
	}
}

func TestServeLeavesNothingOfALabThatCannotStand(t *testing.T) {
	nstest.Need(t)
	useOnce(t, ordinary())
	leavesNothing(t, func() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := lab.Serve(ctx, with(lab.Dnsmasq, "silent-dns"), func(*lab.Lab) { cancel() })
		if err == nil || !strings.Contains(err.Error(), "silent-dns") {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestDownEndsTheProcessOfTheLab(t *testing.T) {
	nstest.Need(t)
	useOnce(t, ordinary())
	leavesNothing(t, func() {
		cmd := otherProcess(t, lab.Builtin)
		mark := recordOf(t, cmd.Process.Pid).Mark()
		if diff := cmp.Diff(allParts, parts(t, mark)); diff != "" {
			t.Errorf("while it stands (-want +got):\n%s", diff)
		}
		if parent, err := lab.Down(); parent != "lab0" || err != nil {
			t.Errorf("Down: %q, %v", parent, err)
		}
		if left := parts(t, mark); left != nil {
			t.Errorf("when Down returned there were still %v", left)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process that served: %v", err)
		}
	})
}

func TestDownWithoutALab(t *testing.T) {
	nstest.Need(t)
	if _, err := lab.Down(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want os.ErrNotExist", err)
	}
	// Another run's lab is not Down's to take.
	opts := ordinary()
	var err error
	if opts.Journal, err = journal.Begin("run"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opts.Journal.End(); err != nil {
			t.Error(err)
		}
	})
	startLab(t, opts)
	if _, err := lab.Down(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("beside a lab of a run: %v, want os.ErrNotExist", err)
	}
}

func TestRemoveTakesAwayWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	for _, server := range lab.Servers {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need(t, server)
			useOnce(t, ordinary())
			leavesNothing(t, func() {
				cmd := otherProcess(t, server)
				kill(cmd)
				if _, err := lab.Down(); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("Down of a dead process: %v, want os.ErrNotExist", err)
				}
				if ca, err := lab.CAOf("lab0"); ca == nil || err != nil {
					t.Errorf("the CA of the lab of another process: %v, %v", ca, err)
				}
				r := recordOf(t, cmd.Process.Pid)
				if r.Live {
					t.Error("the killed process is taken for alive")
				}
				if err := lab.Remove("lab0", r.Mark()+"0"); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(allParts, parts(t, r.Mark())); diff != "" {
					t.Errorf("after Remove of another run's (-want +got):\n%s", diff)
				}
				for range 2 { // a second Remove is harmless
					if err := lab.Remove("lab0", r.Mark()); err != nil {
						t.Error(err)
					}
				}
				if left := parts(t, r.Mark()); left != nil {
					t.Errorf("left: %v", left)
				}
				if ca, err := lab.CAOf("lab0"); ca != nil || err != nil {
					t.Errorf("left: the CA: %v, %v", ca, err)
				}
				run, err := journal.TakeOver(r.ID)
				if err != nil {
					t.Fatal(err)
				}
				if err := run.End(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
