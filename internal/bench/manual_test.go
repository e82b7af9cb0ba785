package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

func needManual(t *testing.T) {
	t.Helper()
	for _, program := range []string{"bash", "ip", "ping", "dhclient"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s, which is not installed", program)
		}
	}
}

// traces is what making clients by hand could leave behind.
type traces struct {
	Links, Namespaces, Folders, Dhclients []string
	Mounts, ResolvConf                    string
}

func look(t *testing.T) (s traces) {
	t.Helper()
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		s.Links = append(s.Links, l.Attrs().Name)
	}
	s.Namespaces, _ = filepath.Glob(namespace.Dir + "/*")
	s.Folders, _ = filepath.Glob(filepath.Join(os.TempDir(), "lanstorm-manual-*"))
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if cmdline, err := os.ReadFile(file); err == nil && strings.Contains(string(cmdline), "dhclient") {
			s.Dhclients = append(s.Dhclients, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	resolvConf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	s.Mounts, s.ResolvConf = string(mounts), string(resolvConf)
	return s
}

// leavesNothing does something, after which all is as it was before.
func leavesNothing(t *testing.T, do func()) {
	t.Helper()
	before := look(t)
	do()
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("what is left (-before +after):\n%s", diff)
	}
}

func TestClientsMadeByHandWorkAndLeaveNothing(t *testing.T) {
	needManual(t)
	l := keaLab(t, 50)
	leavesNothing(t, func() {
		r, err := Manual(t.Context(), l, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		if r.Leased != 3 || r.Answered != 3 || r.Create <= 0 || r.Teardown <= 0 || r.Gone <= 0 {
			t.Errorf("%+v", r)
		}
		if n, err := l.Leases(); n != 0 || err != nil {
			t.Errorf("afterwards the router has %d leases, %v", n, err)
		}
	})
}

func TestClientsByHandDoNotOutlastTheContext(t *testing.T) {
	needManual(t)
	l := keaLab(t, 2)
	leavesNothing(t, func() {
		// The third gets no lease, for which dhclient tries a minute.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := Manual(ctx, l, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that it took too long", err)
		}
	})
}

// At whatever moment it ends.
func TestClientsByHandThatAreInterruptedLeaveNothing(t *testing.T) {
	needManual(t)
	l := keaLab(t, 50)
	for _, after := range []time.Duration{0, 10, 40, 80, 120, 160, 200, 300} {
		leavesNothing(t, func() {
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			defer cancel()
			_, _ = Manual(ctx, l, 10) // it may be done by then
		})
	}
}

func TestNobodysNamespaceIsTakenForAClient(t *testing.T) {
	needManual(t)
	l := keaLab(t, 50)
	other, err := namespace.Create("lab0-old2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Delete()
	leavesNothing(t, func() {
		const want = "clients by hand: lab0-old2 is there already"
		if _, err := Manual(t.Context(), l, 3); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}
