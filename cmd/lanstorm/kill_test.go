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

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// moments is how many times, evenly spread over its length, a run is ended.
const moments = 50

const hundredClients = `Feature: f
  Scenario: s
    Given I create 100 virtual clients using macvlan
    When all clients ping the router in parallel
    Then all clients should respond successfully
`

// lanstorm prepares the program with the scenario of a hundred clients in its
// working directory.
func lanstorm(t *testing.T, args ...string) (cmd *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.feature"), []byte(hundredClients), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "lanstorm"
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LANSTORM_PING_COUNT=2", "LANSTORM_PING_INTERVAL=50ms")
	output = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	cmd, output := lanstorm(t, args...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("lanstorm %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output.String()
}

// endedAt runs the scenario and sends it a signal after a while. It returns
// the state in which it ended.
func endedAt(t *testing.T, after time.Duration, sig syscall.Signal, args ...string) (status syscall.WaitStatus, output string) {
	t.Helper()
	cmd, out := lanstorm(t, append([]string{"run", "f.feature"}, args...)...)
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

// length is how long an undisturbed run takes here.
func length(t *testing.T, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	mustRun(t, append([]string{"run", "f.feature"}, args...)...)
	return time.Since(start)
}

// Whenever a run is killed, one clean removes all of it.
func TestKilledRunsAreCleanedUp(t *testing.T) {
	nstest.Need(t)
	before := mustState(t)
	whole := length(t)
	killed, cleaned := 0, 0
	for i := range moments {
		at := whole * time.Duration(i) / moments
		if status, _ := endedAt(t, at, syscall.SIGKILL); status.Signaled() {
			killed++
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
	t.Logf("%d of %d runs were killed in time, %d of them left something for clean", killed, moments, cleaned)
	if killed < moments/2 || cleaned < moments/4 {
		t.Errorf("only %d of %d runs were killed and %d cleaned: the moments miss the run", killed, moments, cleaned)
	}
}

// labThatTells has a lab stand whose lease file shows what was given back, and
// returns the state of the machine with it.
func labThatTells(t *testing.T) []string {
	t.Helper()
	nstest.Need(t)
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		t.Skip("needs dnsmasq, whose lease file shows what was given back")
	}
	t.Setenv("LANSTORM_LAB_SERVER", "dnsmasq")
	mustRun(t, "lab", "up")
	t.Cleanup(func() { mustRun(t, "lab", "down") })
	return mustState(t)
}

// Whenever a run is interrupted, it cleans up after itself and gives every
// lease back.
func TestInterruptedRunsCleanUp(t *testing.T) {
	before := labThatTells(t)
	whole := length(t, "--interface", "lab0")

	signals := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	codes := map[string]int{}
	for i := range moments {
		at, sig := whole*time.Duration(i)/moments, signals[i%len(signals)]
		status, output := endedAt(t, at, sig, "--interface", "lab0")
		switch {
		case status.Signaled(), sig == syscall.SIGQUIT && strings.Contains(output, "SIGQUIT: quit\n"):
			// Before it was ready for signals, or when it was done, so there was nothing.
			codes["killed"]++
		case status.ExitStatus() == 0:
			codes["passed"]++ // the signal came too late
		case status.ExitStatus() == 128+int(sig):
			codes["interrupted"]++
		default:
			t.Errorf("%v after %s: exit code %d:\n%s", sig, at, status.ExitStatus(), output)
		}
		if diff := cmp.Diff(before, mustState(t)); diff != "" {
			t.Fatalf("%v after %s left (-before +after):\n%s\n%s", sig, at, diff, output)
		}
		leases, err := os.ReadFile("/run/lanstorm/lab0/dnsmasq.leases")
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if len(leases) > 0 {
			t.Fatalf("%v after %s: the router still holds leases:\n%s\n%s", sig, at, leases, output)
		}
	}
	t.Log(fmt.Sprint(codes))
	if codes["interrupted"] < moments/4 {
		t.Errorf("only %d of %d runs were interrupted: the moments miss the run", codes["interrupted"], moments)
	}
}
