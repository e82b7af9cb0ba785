// Package workload is what clients do beyond ping: download, upload, play a
// video, look names up. A kind of work is one file with one type, and knows
// nothing of the others. Everything is opened inside the client's namespace and
// ends with the client.
package workload

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// Client is who works.
type Client struct {
	Name, MAC    string
	Gateway      netip.Addr
	Dial         func(ctx context.Context, network, address string) (net.Conn, error) // connections are TCP's, of package net or around it
	Resolve      func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Ping         func(ctx context.Context, to netip.Addr, p Ping) (lost int, reason string)
	Start        func(*exec.Cmd) error // starts a program inside
	KillPrograms func() error          // ends all programs that were started so, with their children
	Received     func() (int64, error) // bytes that its link has received
	Roots        *x509.CertPool        // certificates to trust; nil: those of this machine
}

// Work is what a client does. It is plain data, so that it can be written down.
type Work interface {
	// Kind is a word for people, such as "download".
	Kind() string
	// Do does it once. It counts in m what it did, and returns when it is done, has
	// failed or ctx has ended. Its error is one line, and the reason of a failure
	// unless ctx has ended, but for what was seen before.
	Do(ctx context.Context, c *Client, m *Meter) error
}

// Job is the work of one client.
type Job struct {
	Client Client
	Work   Work
}

// Schedule says how often jobs are done and for how long. The zero value: once.
type Schedule struct {
	For   time.Duration // again and again, until this is over; what is under way then is cut short
	Times int           // so often, at most; 0: once, or as often as there is time For
	Gap   time.Duration // between one client's start and the next's; 0: all at once
}

// Running is jobs under way.
type Running struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	outcome Outcome
	meters  []*Meter
}

// errStop ends work that is not to go on: no failure of it.
var errStop = errors.New("told to stop")

// Start lets all jobs begin. They end by themselves, with ctx, or by Stop.
func Start(ctx context.Context, jobs []Job, s Schedule) *Running {
	r := &Running{done: make(chan struct{}), outcome: Outcome{Start: time.Now(), Clients: make([]Result, len(jobs))}}
	ctx, r.cancel = context.WithCancelCause(ctx)
	free := func() {}
	if s.For > 0 {
		ctx, free = context.WithTimeoutCause(ctx, s.For, errStop)
	} else {
		s.Times = max(1, s.Times)
	}
	var all sync.WaitGroup
	common := &times{by: map[string]*measure.Distribution{}, empty: measure.NewDistribution}
	r.outcome.Times = common.by
	for i, j := range jobs {
		m := newMeter(j, r.outcome.Start, common)
		r.meters = append(r.meters, m)
		all.Go(func() { r.outcome.Clients[i] = j.run(ctx, s, m, time.Duration(i)*s.Gap) })
	}
	go func() {
		defer close(r.done)
		all.Wait()
		free()
		r.cancel(nil)
	}()
	return r
}

// Wait returns what became of all jobs, when they are over.
func (r *Running) Wait() Outcome {
	<-r.done
	return r.outcome
}

// Stop cuts short what is still under way, which is no failure, and is Wait.
func (r *Running) Stop() Outcome {
	r.cancel(errStop)
	return r.Wait()
}

// Progress is how many clients have done their work so far, and the bytes of content
// that all have moved.
func (r *Running) Progress() (done int, bytes int64) {
	for _, m := range r.meters {
		m.mu.Lock()
		if bytes += m.r.Bytes; m.r.Operations > 0 {
			done++
		}
		m.mu.Unlock()
	}
	return done, bytes
}

// Run is Start and Wait.
func Run(ctx context.Context, jobs []Job, s Schedule) Outcome { return Start(ctx, jobs, s).Wait() }

// seen is a failure all the same when the work was cut short.
type seen struct{ error }

// breath is the wait after a failure: nobody asks a router a thousand times a
// second for what it refuses.
const breath = time.Second

func (j Job) run(ctx context.Context, s Schedule, m *Meter, after time.Duration) Result {
	sleep(ctx, after)
	m.begin()
	for n := 0; (s.Times == 0 || n < s.Times) && ctx.Err() == nil; n++ {
		err := guard.Do(func() error { return j.Work.Do(ctx, &j.Client, m) })
		switch {
		case err == nil:
			m.finished()
		case ctx.Err() != nil && !errors.As(err, new(seen)):
		default:
			m.failed(err)
			if s.Times == 0 || n+1 < s.Times {
				sleep(ctx, breath)
			}
		}
	}
	return m.result(context.Cause(ctx))
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
