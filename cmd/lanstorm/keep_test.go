package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// The clients of a scenario that failed stay until Enter, which has the run go on, or
// until a signal, which ends it.
func TestClientsOfAFailedScenarioAreKept(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	before := mustState(t)
	keyboard, terminal := openTerminal(t)
	cmd, _ := lanstorm(t, "run", "--keep", "keep.feature")
	failing := "\n    * I create 2 virtual clients using macvlan\n    * each client should resolve \"nobody.invalid\"\n"
	feature := "Feature: f\n  Scenario: a" + failing + "  Scenario: passes\n    * the router IP address is configured\n  Scenario: b" + failing
	if err := os.WriteFile(filepath.Join(cmd.Dir, "keep.feature"), []byte(feature), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	var shown string
	press := func(keys, until string) {
		t.Helper()
		if _, err := keyboard.WriteString(keys); err != nil {
			t.Fatal(err)
		}
		shown = ""
		for buf := make([]byte, 4096); !strings.Contains(shown, until); {
			n, err := keyboard.Read(buf)
			shown += string(buf[:n])
			if err != nil {
				t.Fatalf("%v, and no %q in\n%s", err, until, shown)
			}
		}
	}
	press("\n", "Enter removes them and goes on.") // the one that was too early does not count
	if !namespace.Exists("ns1") || !strings.Contains(shown, "2 clients of keep.feature:2 stay as they are.") || !strings.Contains(shown, "sudo ip netns exec ns1 ip address") {
		t.Errorf("ns1 is there: %v\n%s", namespace.Exists("ns1"), shown)
	}
	press("\n", "keep.feature:7 stay as they are.")
	press("\x03", "interrupted by SIGINT")
	_, _ = io.Copy(io.Discard, keyboard) // until it ends
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d", code)
	}
	if diff := cmp.Diff(before, mustState(t)); diff != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", diff)
	}
}

// openTerminal opens a terminal (pty(7)), and its other side.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, terminal
}
