package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/steps"
)

// A run is ended this many times, at moments that are evenly spread over its
// length.
const moments = 50

const fortyClients = `Feature: f
  Scenario: s
    Given I create 40 virtual clients using macvlan
    When all clients ping the router in parallel
    Then all clients should respond successfully
`

const hundred = "hundred.feature"

// lanstorm prepares the program with the scenario of forty clients in its
// working directory, f.feature, and the same of a hundred.
func lanstorm(t *testing.T, args ...string) (cmd *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"f.feature": fortyClients, hundred: strings.Replace(fortyClients, "40", "100", 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd = exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "lanstorm"
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LANSTORM_PING_COUNT=2", "LANSTORM_PING_INTERVAL=50ms", "LANSTORM_PING_TIMEOUT=10s")
	output = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

// inconclusive is what a run may be on a machine that is busy with something else.
func inconclusive(cmd *exec.Cmd) bool { return cmd.ProcessState.ExitCode() == steps.ExitInconclusive }

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	cmd, output := lanstorm(t, args...)
	if err := cmd.Run(); err != nil && !inconclusive(cmd) {
		t.Fatalf("lanstorm %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output.String()
}

// endedAt runs a feature, the first of args, and sends it a signal after a while. It returns
// the state in which it ended.
func endedAt(t *testing.T, after time.Duration, sig syscall.Signal, args ...string) (status syscall.WaitStatus, output string) {
	t.Helper()
	cmd, out := lanstorm(t, append([]string{"run"}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(sig) })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus), out.String()
}

func mustState(t *testing.T) []string {
	t.Helper()
	state, err := machineState()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(state, "\n")
}

// atAllMoments has test end a run of so many clients at each of the moments, some
// of them side by side.
func atAllMoments(t *testing.T, clients int, test func(t *testing.T, mine []int)) {
	t.Parallel()
	places := 200 / clients
	for place := range places {
		t.Run(fmt.Sprint("place ", place), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			nstest.Crowd(t, clients)
			var mine []int
			for i := place; i < moments; i += places {
				mine = append(mine, i)
			}
			test(t, mine)
		})
	}
}

// length is how long a run takes here. It begins with that of an undisturbed one.
// What else there is to do on this machine changes it: one that ends before it is
// ended was shorter.
type length time.Duration

func timed(t *testing.T, args ...string) *length {
	t.Helper()
	start := time.Now()
	mustRun(t, append([]string{"run"}, args...)...)
	l := length(time.Since(start))
	return &l
}

func (l *length) moment(i int) time.Duration { return time.Duration(*l) * time.Duration(i) / moments }

func (l *length) was(d time.Duration) { *l = min(*l, length(d)) }

// Whenever a run is killed, one clean removes all of it.
func TestKilledRunsAreCleanedUp(t *testing.T) {
	atAllMoments(t, 100, func(t *testing.T, mine []int) {
		before := mustState(t)
		whole := timed(t, hundred)
		killed, cleaned := 0, 0
		for _, i := range mine {
			at, start := whole.moment(i), time.Now()
			if status, _ := endedAt(t, at, syscall.SIGKILL, hundred); status.Signaled() {
				killed++
			} else {
				whole.was(time.Since(start))
			}
			said := mustRun(t, "clean")
			if strings.Contains(said, "removed what was left of") {
				cleaned++
			}
			if diff := cmp.Diff(before, mustState(t)); diff != "" {
				t.Fatalf("killed after %s, and cleaned, it left (-before +after):\n%s\nclean said: %s", at, diff, said)
			}
			if again := mustRun(t, "clean"); again != "nothing to clean\n" {
				t.Errorf("a second clean said: %s", again)
			}
		}
		t.Logf("%d of %d runs were killed in time, %d of them left something for clean", killed, len(mine), cleaned)
		if killed < len(mine)/2 || cleaned < len(mine)/4 {
			t.Errorf("only %d of %d runs were killed and %d cleaned: the moments miss the run", killed, len(mine), cleaned)
		}
	})
}

// labThatTells has a lab stand whose lease file shows what was given back, and
// returns the state of the machine with it.
func labThatTells(t *testing.T) []string {
	t.Helper()
	nstest.Need(t)
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		t.Skip("needs dnsmasq, whose lease file shows what was given back")
	}
	if err := os.Setenv("LANSTORM_LAB_SERVER", "dnsmasq"); err != nil { // of this process, which is the test's own
		t.Fatal(err)
	}
	mustRun(t, "lab", "up")
	t.Cleanup(func() { mustRun(t, "lab", "down") })
	eventually(t, "the kernel calls lab0 running", func() bool {
		link, err := netlink.LinkByName("lab0")
		return err == nil && link.Attrs().RawFlags&unix.IFF_RUNNING != 0
	})
	return mustState(t)
}

// heldLeases is what the lab's router says of the leases that it holds.
func heldLeases(t *testing.T) string {
	t.Helper()
	leases, err := os.ReadFile("/run/lanstorm/lab0/dnsmasq.leases")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(leases)
}

// keptLeases are those that it still holds when it has had time to read all
// that was sent to it.
func keptLeases(t *testing.T) (kept string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if kept = heldLeases(t); kept == "" {
			break
		}
	}
	return kept
}

// Whenever a run is interrupted, it cleans up after itself and gives every
// lease back.
func TestInterruptedRunsCleanUp(t *testing.T) {
	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	atAllMoments(t, 40, func(t *testing.T, mine []int) {
		before := labThatTells(t)
		whole := timed(t, "f.feature", "--interface", "lab0")
		codes := map[string]int{}
		for _, i := range mine {
			at, sig, start := whole.moment(i), signals[i%len(signals)], time.Now()
			status, output := endedAt(t, at, sig, "f.feature", "--interface", "lab0")
			switch {
			case status.Signaled(), sig == syscall.SIGQUIT && strings.Contains(output, "SIGQUIT: quit\n"):
				// Before it was ready for signals, or when it was done, so there was nothing.
				codes["killed"]++
			case status.ExitStatus() == 0, status.ExitStatus() == steps.ExitInconclusive:
				codes["passed"]++ // the signal came too late
				whole.was(time.Since(start))
			case status.ExitStatus() == 128+int(sig):
				codes["interrupted"]++
			default:
				t.Errorf("%v after %s: exit code %d:\n%s", sig, at, status.ExitStatus(), output)
			}
			if left := keptLeases(t); left != "" {
				t.Fatalf("%v after %s: the router still holds leases:\n%s\n%s", sig, at, left, output)
			}
			if diff := cmp.Diff(before, mustState(t)); diff != "" {
				t.Fatalf("%v after %s left (-before +after):\n%s\n%s", sig, at, diff, output)
			}
		}
		t.Log(fmt.Sprint(codes))
		if codes["interrupted"] < len(mine)/4 {
			t.Errorf("only %d of %d runs were interrupted: the moments miss the run", codes["interrupted"], len(mine))
		}
	})
}
