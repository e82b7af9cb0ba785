package netmgr

import (
	"context"
	"sync"
	"time"
)

// window bounds how many clients are asking for a lease at one time. All at
// once they would overflow the server's socket, and then all wait and collide
// again. Like TCP's (RFC 5681) it grows while answers come, fast until the first
// loss and slowly after, and halves when one is missing. And as in TCP Vegas it
// shrinks when answers take much longer than they did: then they wait in a
// queue, and more of them would only wait longer, or overflow it.
type window struct {
	mu     sync.Mutex
	room   *sync.Cond
	inside int
	size   float64
	most   float64
	slow   float64       // the size from which on it grows slowly
	cut    time.Time     // when it was last halved
	least  time.Duration // that an exchange took
}

const (
	firstWindow = 16
	leastWindow = 4
	much        = 3                     // times the least is much longer,
	quick       = 50 * time.Millisecond // but so long is not
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

// leave makes room, after an exchange that took so long; 0: that failed.
func (w *window) leave(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
	if took > 0 && (w.least == 0 || took < w.least) {
		w.least = took
	}
	bound := max(quick, much*w.least)
	switch {
	case took == 0:
	case took <= bound && w.size < w.slow:
		w.size++
	case took <= bound:
		w.size += 1 / w.size
	case took > 2*bound:
		w.size = max(w.size-1, leastWindow)
	}
	w.size = min(w.size, w.most)
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
