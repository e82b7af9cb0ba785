package journal

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// smallRun puts a file system with these options in the place of /run.
func smallRun(t *testing.T, options string) {
	t.Helper()
	nstest.Need(t)
	if err := unix.Mount("small", "/run", "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/run", unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAStartForWhichThereIsNoRoomLeavesNothing(t *testing.T) {
	for files := 1; files <= 5; files++ { // the root of the file system is one
		t.Run(fmt.Sprintf("room for %d files", files-1), func(t *testing.T) {
			smallRun(t, fmt.Sprintf("nr_inodes=%d", files))
			startsOrLeavesNothing(t, files == 5)
		})
	}
	for pages := 1; pages <= 3; pages++ {
		t.Run(fmt.Sprintf("room for %d blocks", pages-1), func(t *testing.T) {
			smallRun(t, "size=12k")
			ballast := make([]byte, (4-pages)*os.Getpagesize())
			if err := os.WriteFile("/run/ballast", ballast, 0o644); err != nil {
				t.Fatal(err)
			}
			startsOrLeavesNothing(t, pages == 3)
		})
	}
}

func startsOrLeavesNothing(t *testing.T, starts bool) {
	t.Helper()
	r, err := Begin("test")
	switch {
	case starts && err != nil:
		t.Fatal(err)
	case starts:
		mustEnd(t, r)
	case !errors.Is(err, unix.ENOSPC):
		t.Errorf("began: %v", err)
	}
	if _, err := os.Stat(Dir); !errors.Is(err, os.ErrNotExist) {
		left, _ := os.ReadDir(Dir)
		t.Errorf("%s is left (%v), with %v", Dir, err, left)
	}
}

// Once there is room again, what is written down must be readable, whatever the
// last write left.
func TestAJournalSurvivesAFullDisk(t *testing.T) {
	smallRun(t, "size=16k")
	r := mustBegin(t)
	defer mustEnd(t, r)
	const ballast = "/run/ballast"
	if err := os.WriteFile(ballast, make([]byte, 8<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	written := 0
	for ; ; written++ {
		if err := r.Record(Entry{Lab: fmt.Sprint("lab", written)}); errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(Entry{Parent: "eth0"}); err != nil {
		t.Fatal(err)
	}
	all, err := Records()
	if err != nil || len(all) != 1 || len(all[0].Labs) != written || all[0].Parent != "eth0" {
		t.Errorf("%d labs were written down, then the parent; read: %+v, %v", written, all, err)
	}
}

// A disk in trouble becomes read-only in the middle of a run.
func TestARunEndsOnAReadOnlyDisk(t *testing.T) {
	r := mustBegin(t)
	if err := unix.Mount("/etc", "/etc", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount("/etc", unix.MNT_DETACH)
	if err := unix.Mount("", "/etc", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, r)
	if _, err := os.Stat(Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", Dir, err)
	}
}
