package netmgr

import (
	"context"
	"sync"
	"time"
)

// window bounds how many clients are asking for a lease at one time. All at
// once they would overflow the server's socket, and then all wait and collide
// again. Like TCP's (RFC 5681) it grows while answers come, quickly until the
// first loss and slowly after, and halves when one is missing.
type window struct {
	mu     sync.Mutex
	room   *sync.Cond
	inside int
	size   float64
	most   float64
	slow   float64   // the size from which on it grows slowly
	cut    time.Time // when it was last halved
}

const (
	firstWindow = 16
	leastWindow = 4
)

func newWindow(most int) *window {
	w := &window{size: min(firstWindow, float64(most)), most: float64(most), slow: float64(most)}
	w.room = sync.NewCond(&w.mu)
	return w
}

// enter waits for room. It returns the cause when ctx ends before.
func (w *window) enter(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.room.Broadcast()
	})
	defer stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.inside >= int(w.size) && ctx.Err() == nil {
		w.room.Wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.inside++
	return nil
}

// leave makes room; answered says whether the server had an answer.
func (w *window) leave(answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
	if answered {
		growth := 1.0
		if w.size >= w.slow {
			growth = 1 / w.size
		}
		w.size = min(w.size+growth, w.most)
	}
	w.room.Broadcast()
}

// lost is told of every answer that did not come in time. Those that were
// asked for before the last cut say nothing of the size since.
func (w *window) lost(asked time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if asked.Before(w.cut) {
		return
	}
	w.cut = time.Now()
	w.size = max(w.size/2, min(leastWindow, w.most))
	w.slow = w.size
}
