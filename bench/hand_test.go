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

	"github.com/lanstorm/lanstorm/internal/namespace"
)

var handPrograms = []string{"bash", "ip", "ping", "dhclient"}

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
	need(t, handPrograms...)
	l := keaLab(t, 50)
	leavesNothing(t, func() {
		r, err := byHand(t.Context(), l, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", r)
		if r.Leased != 3 || r.Answered != 3 || r.Create <= 0 || r.Remove <= 0 {
			t.Errorf("%+v", r)
		}
		if n, err := l.Leases(); n != 0 || err != nil {
			t.Errorf("afterwards the router has %d leases, %v", n, err)
		}
	})
}

func TestClientsByHandDoNotOutlastTheContext(t *testing.T) {
	need(t, handPrograms...)
	l := keaLab(t, 2)
	leavesNothing(t, func() {
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
	need(t, handPrograms...)
	l := keaLab(t, 50)
	for _, after := range []time.Duration{0, 10, 40, 80, 120, 160, 200, 300} {
		leavesNothing(t, func() {
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			defer cancel()
			_, _ = byHand(ctx, l, 10) // it may be done by then
		})
	}
}

func TestNobodysNamespaceIsTakenForAClient(t *testing.T) {
	need(t, handPrograms...)
	l := keaLab(t, 50)
	other, err := namespace.Create("lab0-old2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Delete()
	leavesNothing(t, func() {
		if r, err := byHand(t.Context(), l, 3); r.Answered != 3 || err != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
	if err := other.Do(func() error { return nil }); err != nil || !namespace.Exists("lab0-old2") {
		t.Errorf("the namespace is not there any more: %v", err)
	}
}
