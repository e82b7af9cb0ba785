package netmgr

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// bringUp takes clients through their stages. What it made before an error
// stays, for Cleanup to find.
type bringUp struct {
	m       *NetworkManager
	clients []*Client
	gap     time.Duration // between two arrivals; 0: all at once
	ear     *ear
	window  *window // on exchanges with the DHCP server; nil when arrivals have a pace

	mu          sync.Mutex
	tried       int // clients that the newest phase has begun with
	failed      []*ClientError
	start, done time.Time
}

// task is what a client does in a stage, and where the time goes that it takes.
type task struct {
	stage Stage
	run   func(*Client, context.Context) error
	took  func(*Timings) *time.Duration
}

// run goes from phase to phase. All links stand before the first client asks
// for its address: so it is the router that decides how fast leases come, and
// arrivals keep their pace.
func (b *bringUp) run(ctx context.Context) {
	b.start = time.Now()
	defer b.finish()

	configureTime := func(t *Timings) *time.Duration { return &t.Configure }
	makeNamespace := task{StageNamespace, (*Client).makeNamespace, func(t *Timings) *time.Duration { return &t.Namespace }}
	makeLink := task{StageLink, (*Client).makeLink, func(t *Timings) *time.Duration { return &t.Link }}
	lease := task{StageLease, b.acquireLease, nil} // which knows best when it began
	configure := task{StageConfigure, (*Client).configure, configureTime}
	join := task{StageConfigure, (*Client).join, configureTime}

	// The kernel makes one link at a time, whoever asks; but the rest of it two.
	builders := min(runtime.NumCPU(), b.m.opts.Concurrency)
	if !b.phase(ctx, builders, makeNamespace, makeLink) {
		return
	}
	var err error
	if b.ear, err = listen(b.m.parent, b.clients); err != nil {
		b.fail(&ClientError{Client: b.clients[0].Name, Stage: StageLease, Err: err})
		return
	}
	defer func() { b.m.strain.overflows.Add(b.ear.Close()) }()
	if b.gap > 0 {
		b.arrive(ctx, lease, configure, join)
		return
	}
	b.window = newWindow(b.m.opts.Concurrency)
	if b.phase(ctx, b.m.opts.Concurrency, lease) {
		b.phase(ctx, builders, configure, join)
	}
}

func (b *bringUp) finish() {
	b.done = time.Now()
	for _, c := range b.clients {
		c.closeNetlink()
	}
	slices.SortFunc(b.failed, func(x, y *ClientError) int {
		_, i := splitNumber(x.Client)
		_, j := splitNumber(y.Client)
		return cmp.Compare(i, j)
	})
}

// phase takes all clients through tasks, so many at one time, and begins with
// no more of them once one has failed: they would all be taken down again. It
// reports whether all came through.
func (b *bringUp) phase(ctx context.Context, workers int, tasks ...task) bool {
	b.tried = 0
	var wg sync.WaitGroup
	for range min(workers, len(b.clients)) {
		wg.Go(func() {
			for c := b.next(ctx); c != nil; c = b.next(ctx) {
				b.fail(c.perform(ctx, tasks))
			}
		})
	}
	wg.Wait()
	return b.tried == len(b.clients) && len(b.failed) == 0
}

// arrive is phase with a gap between two clients, and no bound on how many are
// under way: who arrives does not ask how the others fare.
func (b *bringUp) arrive(ctx context.Context, tasks ...task) {
	b.tried = 0
	var wg sync.WaitGroup
	defer wg.Wait()
	first := time.Now()
	for i := range b.clients {
		if sleep(ctx, time.Until(first.Add(time.Duration(i)*b.gap))) != nil {
			return
		}
		c := b.next(ctx)
		if c == nil {
			return
		}
		wg.Go(func() { b.fail(c.perform(ctx, tasks)) })
	}
}

func (b *bringUp) next(ctx context.Context) *Client {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tried == len(b.clients) || len(b.failed) > 0 || ctx.Err() != nil {
		return nil
	}
	b.tried++
	return b.clients[b.tried-1]
}

func (b *bringUp) fail(err *ClientError) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, err)
}

// perform does tasks until one fails.
func (c *Client) perform(ctx context.Context, tasks []task) *ClientError {
	for _, t := range tasks {
		start := time.Now()
		if err := safely(func() error { return t.run(c, ctx) }); err != nil {
			return &ClientError{Client: c.Name, Stage: t.stage, Err: err}
		}
		if t.took != nil {
			*t.took(&c.Timings) += time.Since(start)
		}
	}
	return nil
}
