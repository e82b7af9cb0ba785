package sweep_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/sweep"
	"github.com/lanstorm/lanstorm/netmgr"
)

// losePower leaves of a dead run what a reboot leaves: what is on the disk.
func losePower(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob(namespace.Dir + "/ns*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range names {
		ns, err := namespace.Open(filepath.Base(path))
		if err == nil {
			err = ns.DeleteLinks()
		}
		if err == nil {
			err = ns.Delete()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(journal.Dir); err != nil {
		t.Fatal(err)
	}
}

func etcNetns(t *testing.T) (names []string) {
	t.Helper()
	dirs, err := os.ReadDir(namespace.EtcDir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, d := range dirs {
		names = append(names, d.Name())
	}
	return names
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLinksThatOutlivedALossOfPower(t *testing.T) {
	l := startLab(t)
	aDeadRunOn(t, l.Parent)
	losePower(t)
	etc := func(name string) string { return filepath.Join(namespace.EtcDir, name) }
	t.Cleanup(func() { os.RemoveAll(namespace.EtcDir) })
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, etc(name)); err != nil {
			t.Fatal(err)
		}
	}
	// One that was about to take another's place, and one of another run.
	ours, err := os.Readlink(etc("ns1"))
	if err != nil {
		t.Fatal(err)
	}
	link(ours, "."+filepath.Base(filepath.Dir(ours))+".ns2")
	link(journal.Dir+"/20260101-120000-42.0/etc1", "ns12")
	// Somebody else's, and one of ours that somebody has made his own.
	write(t, etc("mine/resolv.conf"), "")
	link("/etc", "foreign")
	link(journal.Dir, "curious")
	link(journal.Dir+"/-/etc1", "library")
	if err := os.Remove(etc("ns6")); err != nil {
		t.Fatal(err)
	}
	write(t, etc("ns6/hosts"), "")
	foreign := []string{"curious", "foreign", "library", "mine", "ns6"}

	results, err := sweep.Dead(t.Context(), true)
	if err != nil || len(results) != 1 || results[0].Links != 11 {
		t.Errorf("a dry run: %v, %v", results, err)
	}
	if left := etcNetns(t); len(left) != 11+len(foreign) {
		t.Errorf("the dry run left %v", left)
	}
	results, err = sweep.Dead(t.Context(), false)
	if err != nil || len(results) != 1 || !strings.HasSuffix(results[0].String(), ": 11 links in /etc/netns") {
		t.Errorf("the sweep: %v, %v", results, err)
	}
	if left := etcNetns(t); !slices.Equal(left, foreign) {
		t.Errorf("it left %v, want %v", left, foreign)
	}
	if results, err := sweep.Dead(t.Context(), false); err != nil || results != nil {
		t.Errorf("a second sweep: %v, %v", results, err)
	}
	for _, name := range foreign {
		if err := os.RemoveAll(etc(name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sweep.Dead(t.Context(), false); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(namespace.EtcDir); err == nil {
		t.Errorf("%s, which a run had made, is left", namespace.EtcDir)
	}
}

// The next run, too, knows that it was not there before lanstorm.
func TestEtcNetnsOfALostRunGoesWithTheNext(t *testing.T) {
	l := startLab(t)
	aDeadRunOn(t, l.Parent)
	losePower(t)
	run, err := journal.Begin("next")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := netmgr.RemoveOrphans(false); n != 10 || err != nil {
		t.Errorf("%d links, %v", n, err)
	}
	if err := run.End(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(namespace.EtcDir); err == nil {
		t.Errorf("%s is left", namespace.EtcDir)
	}
}

func TestAnEmptyEtcNetnsOfSomebodyElseStays(t *testing.T) {
	l := startLab(t)
	if err := os.Mkdir(namespace.EtcDir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(namespace.EtcDir)
	aDeadRunOn(t, l.Parent)
	losePower(t)
	if _, err := sweep.Dead(t.Context(), false); err != nil {
		t.Error(err)
	}
	if left := etcNetns(t); left != nil {
		t.Errorf("%v is left", left)
	}
	if _, err := os.Stat(namespace.EtcDir); err != nil {
		t.Error(err)
	}
}

// A full /run must not keep a dead run from being undone: perhaps it is what
// filled it.
func TestADeadRunIsUndoneWithoutRoomToWrite(t *testing.T) {
	nstest.Need(t)
	if err := unix.Mount("small", "/run", "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount("/run", unix.MNT_DETACH) })
	l := startLab(t)
	aDeadRunOn(t, l.Parent)
	ballast, err := os.Create("/run/ballast")
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = ballast.Write(page)
	}
	journals, err := filepath.Glob(journal.Dir + "/*/journal")
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	if err := fillLastPage(journals[0]); err != nil {
		t.Fatal(err)
	}
	results, err := sweep.Dead(t.Context(), false)
	if err != nil || len(results) != 1 || results[0].Clients != 10 {
		t.Errorf("the sweep: %v, %v", results, err)
	}
	if _, err := os.Stat(journal.Dir); err == nil {
		t.Errorf("%s is left", journal.Dir)
	}
}

// fillLastPage takes the room that a file has even on a full disk.
func fillLastPage(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for err == nil {
		_, err = f.WriteString("\n")
	}
	return nil
}
