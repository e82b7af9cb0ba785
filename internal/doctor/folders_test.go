package doctor

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestCheckFolders(t *testing.T) {
	nstest.Need(t)
	mount := func(t *testing.T, source, target, kind string, flags uintptr, options string) {
		t.Helper()
		if err := unix.Mount(source, target, kind, flags, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T)
		want string
	}{
		{"as they are", func(*testing.T) {}, "ok: /run and /etc can be written to"},
		{"a read-only system", func(t *testing.T) {
			mount(t, "/etc", "/etc", "", unix.MS_BIND, "")
			if err := unix.Mount("", "/etc", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, "problem: /etc cannot be written to: read-only file system"},
		{"a full disk", func(t *testing.T) {
			mount(t, "small", "/run", "tmpfs", 0, "size=64k")
		}, "problem: /run is full: 64 KiB are free, of 266 that are needed"},
		{"a disk full of small files", func(t *testing.T) {
			mount(t, "small", "/run", "tmpfs", 0, "nr_inodes=10")
		}, "problem: /run is full: there is room for 9 more files"},
		{"a disk without limits", func(t *testing.T) {
			mount(t, "small", "/run", "tmpfs", 0, "size=0,nr_inodes=0")
		}, "ok: /run and /etc can be written to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.do(t)
			checks := Quick(Options{Interface: "lab", Clients: 10})
			i := slices.IndexFunc(checks, func(c Check) bool { return c.Name == "folders" })
			if i < 0 {
				t.Fatal("not looked at")
			}
			if text := string(checks[i].Status) + ": " + checks[i].Finding; text != tt.want {
				t.Errorf("%s, want %s", text, tt.want)
			}
		})
	}
}
