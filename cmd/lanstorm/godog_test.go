package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// godogRun does what `godog run` does once it has built its program: it starts
// it and waits, and hands no signal on.
func godogRun(args []string) int {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "godog.test"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode()
}

// When only `godog run` is ended, the program that it started is orphaned: it
// must clean up all the same.
func TestOrphansOfGodogRunCleanUp(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	before := mustState(t)
	cmd, output := lanstorm(t, "f.feature")
	cmd.Args[0] = "godog"
	cmd.Env = append(cmd.Env, "LANSTORM_PING_COUNT=1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, "ns40", cmd, output)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // until the orphan, too, has closed its output
	if diff := cmp.Diff(before, mustState(t)); diff != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s\n%s", diff, output)
	}
	if runs, err := journal.Records(); err != nil || len(runs) > 0 {
		t.Errorf("journals: %+v, %v", runs, err)
	}
}

// An interrupt from the terminal reaches both. The orphan's news that its
// parent died is no second signal: the leases are still given back.
func TestInterruptFromTheTerminalOfGodogRun(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	labThatTells(t)
	cmd, output := lanstorm(t, "f.feature")
	cmd.Args[0] = "godog"
	cmd.Env = append(cmd.Env, "LANSTORM_PING_COUNT=1000", "LANSTORM_INTERFACE=lab0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all have a lease", func() bool { return strings.Count(heldLeases(t), "\n") == 40 })
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if left := keptLeases(t); left != "" {
		t.Errorf("the router still holds leases: %s\n%s", left, output)
	}
}
