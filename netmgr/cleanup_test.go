package netmgr_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// A disk in trouble takes no writes any more. What it does not concern must go, and the
// rest when it works again, even of clients whose leases could not be given back.
func TestASecondCleanupFinishesTheWorkOfTheFirst(t *testing.T) {
	l := startLab(t, labOptions())
	before := traces(t)
	run, err := journal.Begin("test")
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(t, netmgr.Options{Parent: l.Parent, Journal: run})
	create(t, m, 3)
	const stuck = namespace.EtcDir
	if err := unix.Mount(stuck, stuck, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	unmount := func() error { return unix.Unmount(stuck, unix.MNT_DETACH) }
	defer unmount()
	if err := unix.Mount("", stuck, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}

	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	err = m.Cleanup(interrupted)
	if err == nil || !strings.Contains(err.Error(), "ns2: remove "+stuck+"/ns2: read-only file system") {
		t.Fatalf("the first: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	for _, name := range []string{"ns1", "ns2", "ns3"} {
		if namespace.Exists(name) {
			t.Errorf("after the first %s is still there", name)
		}
	}
	if left := m.Clients(); len(left) != 3 {
		t.Errorf("after the first %d clients are left", len(left))
	}

	if err := unmount(); err != nil {
		t.Fatal(err)
	}
	if err := m.Cleanup(t.Context()); err != nil {
		t.Errorf("the second: %v", err)
	}
	if all, err := journal.Records(); err != nil || len(all) != 1 || len(all[0].Blocks) > 0 {
		t.Errorf("the journal still has clients: %+v, %v", all, err)
	}
	if err := run.End(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(journal.Dir); err == nil {
		t.Errorf("%s is left", journal.Dir)
	}
	if after := traces(t); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
}
