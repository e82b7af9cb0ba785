package bench

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// begun is a session in the bridge mode that must leave nothing behind.
func begun(t *testing.T, server lab.Server) *session {
	t.Helper()
	nstest.Need(t)
	s, err := begin(Options{Server: server, Mode: "bridge", Repeat: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.end(false); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(journal.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left (%v)", journal.Dir, err)
		}
	})
	return s
}

func TestARoundMeasuresEveryPhase(t *testing.T) {
	s := begun(t, lab.Builtin)
	err := s.inLab(lab.Builtin, func(l *lab.Lab) error {
		r, err := s.round(t.Context(), l, 5)
		if err != nil {
			return err
		}
		if r.Links <= 0 || r.Lease <= 0 || r.Configure <= 0 || r.Remove <= 0 || r.Links+r.Lease+r.Configure != r.Create {
			t.Errorf("%s = %s + %s + %s, removed in %s", r.Create, r.Links, r.Lease, r.Configure, r.Remove)
		}
		if r.LeasesPerSecond <= 0 || r.Answered != 10 || r.P99 < r.P50 || r.P50 <= 0 || r.Descriptors < 1 || r.Descriptors > 1.4 || r.Threads < 1 || r.Verdict == "" {
			t.Errorf("%+v", r)
		}
		if r.Failures != nil {
			t.Errorf("failed: %v", r.Failures)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhatIsLeftIsSeen(t *testing.T) {
	s := begun(t, lab.Builtin)
	err := s.inLab(lab.Builtin, func(l *lab.Lab) error {
		m, err := s.manager(l)
		if err != nil {
			return err
		}
		if err := m.CreateClients(t.Context(), 2); err != nil {
			return err
		}
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		left := s.leftovers(impatient, l)
		want := []string{"2 macvlans left on " + l.Parent, "namespace ns1 left", "namespace ns2 left", "2 leases not given back"}
		if len(left) != len(want) {
			t.Errorf("left: %v, want %v", left, want)
		}
		if err := m.Cleanup(t.Context()); err != nil {
			return err
		}
		if left := s.leftovers(t.Context(), l); left != nil {
			t.Errorf("after the cleanup: %v", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheBareLoopLeavesNothing(t *testing.T) {
	s := begun(t, lab.Builtin)
	err := s.inLab(lab.Builtin, func(l *lab.Lab) error {
		before := readStock().descriptors
		took, err := s.bare(l, 20)
		if took <= 0 {
			t.Errorf("took %s", took)
		}
		if now := readStock().descriptors; now > before {
			t.Errorf("%d descriptors, %d before", now, before)
		}
		if links, err := netlink.LinkList(); err != nil || len(links) != 2 { // loopback and the lab's
			t.Errorf("%d links are left, %v", len(links), err)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnInterruptedMeasurementLeavesNothing(t *testing.T) {
	nstest.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := Run(ctx, Options{Sizes: []int{3, 5}, Server: lab.Builtin, Mode: "bridge", Repeat: 1})
	var start *StartError
	if err == nil || errors.As(err, &start) || len(r.Rows) != 1 || r.Rows[0].Rounds != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(journal.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", journal.Dir, err)
	}
}
