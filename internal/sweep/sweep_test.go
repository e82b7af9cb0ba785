package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/sweep"
	"github.com/lanstorm/lanstorm/netmgr"
)

// dieEnv makes this binary a run with clients on the link that it names, which
// dies without cleaning up.
const dieEnv = "LANSTORM_TEST_DIE_ON"

// busyEnv has one of its clients start a program, which leaves children behind.
const busyEnv = "LANSTORM_TEST_DIE_BUSY"

func TestMain(m *testing.M) {
	if parent := os.Getenv(dieEnv); parent != "" {
		if err := die(parent); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	nstest.Main(m)
}

func die(parent string) error {
	run, err := journal.Begin("mayfly")
	if err != nil {
		return err
	}
	m, err := netmgr.New(netmgr.Options{Parent: parent, Journal: run, IPFamily: netmgr.Dual})
	if err != nil {
		return err
	}
	if err := m.CreateClients(context.Background(), 10); err != nil {
		return err
	}
	if os.Getenv(busyEnv) == "" {
		return nil
	}
	if err := m.Await6(context.Background()); err != nil {
		return err
	}
	program := exec.Command("sh", "-c", "setsid sleep "+long+" & sleep "+long+" &")
	if err := m.Clients()[0].StartCommand(program); err != nil {
		return err
	}
	return program.Wait()
}

// long is how many seconds two children of a client's program sleep.
const long = "86399"

func sleepers(t *testing.T) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if line, _ := os.ReadFile(file); string(line) == "sleep\x00"+long+"\x00" {
			n++
		}
	}
	return n
}

func startLab(t *testing.T) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 100, LeaseTime: time.Hour, IPv6: lab.Stateful})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func aDeadRunOn(t *testing.T, parent string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), dieEnv+"="+parent)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// leases are those of both families.
func leases(t *testing.T, l *lab.Lab) int {
	t.Helper()
	four, err := l.Leases()
	six, err6 := l.Leases6()
	if err := errors.Join(err, err6); err != nil {
		t.Fatal(err)
	}
	return four + six
}

func TestLeasesOfADeadRunAreGivenBack(t *testing.T) {
	l := startLab(t)
	t.Setenv(busyEnv, "1")
	aDeadRunOn(t, l.Parent)
	if n := leases(t, l); n != 20 {
		t.Fatalf("the router holds %d leases, want 10 of each family", n)
	}
	for end := time.Now().Add(time.Minute); sleepers(t) != 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	} // between fork and exec they have another name
	if n := sleepers(t); n != 2 {
		t.Fatalf("%d programs of a client run, want 2", n)
	}

	results, err := sweep.Dead(t.Context(), true)
	if err != nil || len(results) != 1 || results[0].Clients != 10 {
		t.Errorf("a dry run: %v, %v", results, err)
	}
	if n := leases(t, l); n != 20 || !namespace.Exists("ns10") {
		t.Errorf("after the dry run the router holds %d leases; ns10 is there: %v", n, namespace.Exists("ns10"))
	}

	results, err = sweep.Dead(t.Context(), false)
	if err != nil || len(results) != 1 || !strings.Contains(results[0].String(), `the run "mayfly" of `) {
		t.Errorf("the sweep: %v, %v", results, err)
	}
	for end := time.Now().Add(time.Minute); leases(t, l) > 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	} // what was sent to the router is still to be read
	if n := leases(t, l); n != 0 || namespace.Exists("ns1") || sleepers(t) != 0 {
		t.Errorf("after it the router holds %d leases; ns1 is there: %v; %d programs run", n, namespace.Exists("ns1"), sleepers(t))
	}
	if results, err := sweep.Dead(t.Context(), false); err != nil || results != nil {
		t.Errorf("a second sweep: %v, %v", results, err)
	}
	if _, err := os.Stat(journal.Dir); err == nil {
		t.Errorf("%s is left", journal.Dir)
	}
}

func TestALiveRunIsNotTouched(t *testing.T) {
	l := startLab(t)
	run, err := journal.Begin("alive")
	if err != nil {
		t.Fatal(err)
	}
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Journal: run})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CreateClients(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if results, err := sweep.Dead(t.Context(), false); err != nil || results != nil {
		t.Errorf("swept: %v, %v", results, err)
	}
	if n := leases(t, l); n != 3 || !namespace.Exists("ns3") {
		t.Errorf("the router holds %d leases; ns3 is there: %v", n, namespace.Exists("ns3"))
	}
	if err := m.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
	if err := run.End(); err != nil {
		t.Error(err)
	}
}
