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
		round := func(took time.Duration) {
			asked := time.Now()
			time.Sleep(time.Millisecond)
			for range fill(w) {
				if took == 0 {
					w.lost(asked)
				}
				w.leave(took)
			}
		}
		for _, step := range []struct {
			name string
			took time.Duration // 0: lost
			want int
		}{
			{"at first", time.Millisecond, 32},               // 16, all answered
			{"twice as large", time.Millisecond, 64},         // quickly
			{"no larger than allowed", time.Millisecond, 64}, //
			{"a round of losses counts once", 0, 32},
			{"slow growth", time.Millisecond, 32}, // and nearly one
			{"slow growth", time.Millisecond, 33},
			{"another loss", 0, 16},
			{"and another", 0, 8},
			{"and another", 0, 4},
			{"no smaller than that", 0, 4},
		} {
			round(step.took)
			if got := int(w.size); got != step.want {
				t.Errorf("%s: the window is %d, want %d", step.name, got, step.want)
			}
		}
	})
}

func TestWindowShrinksWhenAnswersQueueUp(t *testing.T) {
	for _, tt := range []struct {
		name        string
		least, took time.Duration
		change      float64
	}{
		{"a quick server", time.Millisecond, 40 * time.Millisecond, 1},
		{"a server with a queue", time.Millisecond, 60 * time.Millisecond, 0},
		{"a server with a long queue", time.Millisecond, 110 * time.Millisecond, -1},
		{"a server that thinks", 600 * time.Millisecond, 700 * time.Millisecond, 1},
		{"one that thinks, with a queue", 600 * time.Millisecond, 2 * time.Second, 0},
		{"one that thinks, with a long queue", 600 * time.Millisecond, 4 * time.Second, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWindow(64)
			for range 2 {
				fill(w)
			}
			w.leave(tt.least)
			before := w.size
			w.leave(tt.took)
			if change := w.size - before; change != tt.change {
				t.Errorf("%v, want %v", change, tt.change)
			}
		})
	}
}

func TestWindowOfOneClient(t *testing.T) {
	w := newWindow(1)
	if n := fill(w); n != 1 {
		t.Errorf("%d fit in, want 1", n)
	}
	w.lost(time.Now())
	w.leave(0)
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
		w.leave(1)
		if err := w.enter(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
