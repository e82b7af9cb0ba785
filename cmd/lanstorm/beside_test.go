package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// foreigners makes what others may have on the machine: namespaces, one with a
// name like ours, a macvlan, a folder in /etc/netns.
func foreigners(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ns2", "blue"} {
		ns, err := namespace.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Delete() })
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "foreign0"}, PeerName: "foreign1"}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netlink.LinkDel(veth) })
	macvlan := &netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{Name: "macvlan2", ParentIndex: veth.Attrs().Index},
		Mode:      netlink.MACVLAN_MODE_BRIDGE,
	}
	if err := netlink.LinkAdd(macvlan); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(namespace.EtcDir, "ns2")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(namespace.EtcDir) })
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver 192.0.2.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	foreigners(t)
	before := mustState(t)
	for _, tt := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"a run that is refused for the name", func(t *testing.T) {
			cmd, output := lanstorm(t, "run", "f.feature")
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(output.String(), "already there and not ours: namespace ns2") {
				t.Errorf("%v\n%s", err, output)
			}
		}},
		{"a run with other names", func(t *testing.T) {
			t.Setenv("LANSTORM_CLIENTS_PREFIX", "c")
			mustRun(t, "run", "f.feature")
		}},
		{"a run that fails", func(t *testing.T) {
			t.Setenv("LANSTORM_CLIENTS_PREFIX", "c")
			t.Setenv("LANSTORM_LAB_FAULTS", "no-gateway")
			cmd, output := lanstorm(t, "run", "f.feature")
			if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 && !inconclusive(cmd) {
				t.Errorf("%v\n%s", err, output)
			}
		}},
		{"a run that is killed, and clean", func(t *testing.T) {
			t.Setenv("LANSTORM_CLIENTS_PREFIX", "c")
			cmd, output := lanstorm(t, "run", "f.feature")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitNamespace(t, "c40", cmd, output)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			// Somebody takes the name of a client that lost its namespace.
			if err := takeOver("c7"); err != nil {
				t.Fatal(err, output)
			}
			if said := mustRun(t, "clean", "--dry-run"); !strings.Contains(said, "would remove what is left of") {
				t.Errorf("the dry run said: %s", said)
			}
			if !namespace.Exists("c1") {
				t.Error("the dry run removed something")
			}
			mustRun(t, "clean")
			if !namespace.Exists("c7") {
				t.Error("clean removed a namespace that carries no mark of the run")
			}
			ns, err := namespace.Open("c7")
			if err == nil {
				err = ns.Delete()
			}
			if err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.do(t)
			if diff := cmp.Diff(before, mustState(t)); diff != "" {
				t.Errorf("the machine is not as it was (-before +after):\n%s", diff)
			}
		})
	}
}

// takeOver puts a foreign namespace in the place of one of ours.
func takeOver(name string) error {
	ours, err := namespace.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(ours.DeleteLinks(), ours.Delete()); err != nil {
		return err
	}
	theirs, err := namespace.Create(name)
	if err != nil {
		return err
	}
	return theirs.Close()
}

// awaitNamespace waits until a run has made one of that name.
func awaitNamespace(t *testing.T, name string, run *exec.Cmd, output *bytes.Buffer) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !namespace.Exists(name); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			_ = run.Process.Kill()
			_ = run.Wait()
			t.Fatalf("%s is still not there:\n%s", name, output)
		}
	}
}

// longRun has clients ping for so long that another run begins and ends meanwhile,
// on a busy machine, too.
const longRun = "LANSTORM_PING_COUNT=200"

func TestTwoRunsSideBySide(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 80)
	before := mustState(t)
	first, firstOutput := lanstorm(t, "run", "f.feature")
	second, secondOutput := lanstorm(t, "run", "f.feature")
	first.Env = append(first.Env, longRun)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, "ns40", first, firstOutput)
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, "ns80", second, secondOutput) // the second run's numbers are offset
	if err := second.Wait(); err != nil && !inconclusive(second) {
		t.Errorf("the second: %v\n%s", err, secondOutput)
	}
	if err := first.Wait(); err != nil && !inconclusive(first) {
		t.Errorf("the first: %v\n%s", err, firstOutput)
	}
	if diff := cmp.Diff(before, mustState(t)); diff != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", diff)
	}
}

func TestTwoRunsOnOneParent(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	mustRun(t, "lab", "up")
	t.Cleanup(func() { mustRun(t, "lab", "down") })
	first, firstOutput := lanstorm(t, "run", "f.feature", "--interface", "lab0")
	first.Env = append(first.Env, longRun)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, "ns40", first, firstOutput)
	second, output := lanstorm(t, "run", "f.feature", "--interface", "lab0")
	_ = second.Run()
	if code := second.ProcessState.ExitCode(); code != 2 || !strings.Contains(output.String(), "interface lab0: in use by another run (pid ") {
		t.Errorf("the second: exit code %d\n%s", code, output)
	}
	if err := first.Wait(); err != nil && !inconclusive(first) {
		t.Errorf("the first: %v\n%s", err, firstOutput)
	}
}

// A second signal does not wait for a router that is gone.
func TestASecondSignalSkipsTheReleases(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 40)
	before := mustState(t)
	cmd, output := lanstorm(t, "run", "f.feature")
	cmd.Env = append(cmd.Env, "LANSTORM_PING_COUNT=1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitNamespace(t, "ns40", cmd, output)
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // two signals in one are but one
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130\n%s", code, output)
	}
	if diff := cmp.Diff(before, mustState(t)); diff != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", diff)
	}
}
