package netmgr

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// fill enters until there is no more room, and returns how often it could.
func fill(w *window) (n int) {
	for ; w.inside < int(w.size); n++ {
		if w.enter(context.Background()) != nil {
			break
		}
	}
	return n
}

func TestWindowGrowsWithAnswersAndHalvesOnLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(64)
		round := func(answered bool) {
			asked := time.Now()
			time.Sleep(time.Millisecond)
			for range fill(w) {
				if !answered {
					w.lost(asked)
				}
				w.leave(answered)
			}
		}
		for _, step := range []struct {
			name     string
			answered bool
			want     int
		}{
			{"at first", true, 32},               // 16, all answered
			{"twice as large", true, 64},         // quickly
			{"no larger than allowed", true, 64}, //
			{"a round of losses counts once", false, 32},
			{"slow growth", true, 32}, // and nearly one
			{"slow growth", true, 33},
			{"another loss", false, 16},
			{"and another", false, 8},
			{"and another", false, 4},
			{"no smaller than that", false, 4},
		} {
			round(step.answered)
			if got := int(w.size); got != step.want {
				t.Errorf("%s: the window is %d, want %d", step.name, got, step.want)
			}
		}
	})
}

func TestWindowOfOneClient(t *testing.T) {
	w := newWindow(1)
	if n := fill(w); n != 1 {
		t.Errorf("%d fit in, want 1", n)
	}
	w.lost(time.Now())
	w.leave(false)
	if n := fill(w); n != 1 {
		t.Errorf("%d fit in after a loss, want 1", n)
	}
}

func TestWaitingForRoomEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1)
		fill(w)
		hurry := errors.New("somebody pressed ^C")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(hurry) })
		if err := w.enter(ctx); !errors.Is(err, hurry) {
			t.Errorf("%v, want %v", err, hurry)
		}
		w.leave(true)
		if err := w.enter(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
