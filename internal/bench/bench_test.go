package bench

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// measured calls do with a session in the bridge mode, which must leave nothing
// behind.
func measured(t *testing.T, do func(*Session) error) error {
	t.Helper()
	nstest.Need(t)
	s := &Session{Mode: "bridge", Repeat: 1, Progress: io.Discard, Patience: t.Context()}
	err := s.Run(func() error { return do(s) })
	if _, err := os.Stat(journal.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", journal.Dir, err)
	}
	return err
}

func TestARoundMeasuresEveryPhase(t *testing.T) {
	err := measured(t, func(s *Session) error {
		used := 0
		r, err := s.Measure(t.Context(), lab.Builtin, 5, func(_ *lab.Lab, m *netmgr.NetworkManager) error {
			used = len(m.Clients())
			return nil
		})
		if r.Links <= 0 || r.Lease <= 0 || r.Configure <= 0 || r.Remove <= 0 || r.Links+r.Lease+r.Configure != r.Create {
			t.Errorf("%s = %s + %s + %s, removed in %s", r.Create, r.Links, r.Lease, r.Configure, r.Remove)
		}
		if r.LeaseRate <= 0 || r.Files < 1 || r.Files > 1.4 || r.Threads < 1 || r.Tester.Took <= 0 || used != 5 {
			t.Errorf("%d used; %+v", used, r)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhatIsLeftIsSeen(t *testing.T) {
	err := measured(t, func(s *Session) error {
		return s.InLab(lab.Builtin, time.Hour, func(l *lab.Lab) error {
			m, err := netmgr.New(s.Clients(l))
			if err != nil {
				return err
			}
			if err := m.CreateClients(t.Context(), 2); err != nil {
				return err
			}
			impatient, cancel := context.WithCancel(t.Context())
			cancel()
			want := "left behind: 2 macvlans on " + l.Parent + `, namespaces ["ns1" "ns2"], 2 leases`
			if err := s.left(impatient, l); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if err := m.Cleanup(t.Context()); err != nil {
				return err
			}
			return s.left(t.Context(), l)
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// What a measurement leaves in spite of everything is removed, and it is an error
// all the same.
func TestWhatIsLeftIsRemoved(t *testing.T) {
	impatient, cancel := context.WithCancel(t.Context())
	err := measured(t, func(s *Session) error {
		_, err := s.Measure(impatient, lab.Builtin, 1, func(l *lab.Lab, _ *netmgr.NetworkManager) error {
			defer cancel()
			m, err := netmgr.New(s.Clients(l))
			if err != nil {
				return err
			}
			return m.CreateClients(t.Context(), 2)
		})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), `left behind: 2 macvlans on lab0, namespaces ["ns2" "ns3"], 2 leases`) {
		t.Error(err)
	}
}

func TestAnInterruptedMeasurementLeavesNothing(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(interrupted)
	err := measured(t, func(s *Session) error {
		_, err := s.Measure(ctx, lab.Builtin, 3, nil)
		return err
	})
	if !errors.Is(err, interrupted) || errors.As(err, new(StartError)) {
		t.Error(err)
	}
}
