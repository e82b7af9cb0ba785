package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// traces is what making clients by hand could leave behind.
type traces struct {
	Links, Namespaces, Files, Dhclients []string
	Mounts, ResolvConf                  string
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
	for _, pattern := range []string{"/tmp/said", "/tmp/script", "/tmp/lab0-old*"} {
		files, _ := filepath.Glob(pattern)
		s.Files = append(s.Files, files...)
	}
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

// leavesNothing does something in a lab, and when that is closed, all is as it was.
func leavesNothing(t *testing.T, pool int, do func(*lab.Lab)) {
	t.Helper()
	need(t, "bash", "ip", "ping", "dhclient")
	before := look(t)
	t.Run("in a lab", func(t *testing.T) { do(keaLab(t, pool)) })
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("what is left (-before +after):\n%s", diff)
	}
}

func TestClientsMadeByHandWorkAndLeaveNothing(t *testing.T) {
	leavesNothing(t, 50, func(l *lab.Lab) {
		r, err := byHand(t.Context(), l, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		if r.Leased != 3 || r.Answered != 3 || r.Create <= 0 || r.Remove <= 0 {
			t.Errorf("%+v", r)
		}
		if n, err := l.LeasesLeft(t.Context()); n != 0 || err != nil {
			t.Errorf("afterwards the router has %d leases, %v", n, err)
		}
	})
}

func TestClientsByHandDoNotOutlastTheContext(t *testing.T) {
	leavesNothing(t, 2, func(l *lab.Lab) {
		// The third gets no lease, for which dhclient tries a minute.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := byHand(ctx, l, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that it took too long", err)
		}
	})
}

// At whatever moment it ends.
func TestClientsByHandThatAreInterruptedLeaveNothing(t *testing.T) {
	for _, after := range []time.Duration{0, 10, 40, 80, 120, 160, 200, 300} {
		leavesNothing(t, 50, func(l *lab.Lab) {
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			defer cancel()
			_, _ = byHand(ctx, l, 10) // it may be done by then
		})
	}
}

func TestNobodysNamespaceIsTakenForAClient(t *testing.T) {
	nstest.Need(t)
	other, err := namespace.Create("lab0-old2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Delete()
	leavesNothing(t, 50, func(l *lab.Lab) {
		if r, err := byHand(t.Context(), l, 3); r.Answered != 3 || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
	if err := other.Do(func() error { return nil }); err != nil || !namespace.Exists("lab0-old2") {
		t.Errorf("the namespace is not there any more: %v", err)
	}
}
