package icmp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-ping/ping"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// PingAll pings from every client at once, each starting at a random point of
// the first interval, and returns when the last has finished: one result for
// each client, in their order, and how often a queue of this machine was full and
// a ping began anew. The end of ctx ends all pings early.
//
// RTTs are those of go-ping, taken in user space: too coarse for percentiles.
func PingAll(ctx context.Context, clients []Client, p Ping) (results []Result, noBuffers int) {
	p = p.withDefaults()
	results = make([]Result, len(clients))
	var full atomic.Int64
	errs := guard.Each(len(clients), len(clients), func(i int) error {
		results[i] = clients[i].result(p)
		return clients[i].ping(ctx, p, &results[i], &full)
	})
	for i, err := range errs {
		if err != nil {
			results[i].Reason = err.Error()
		}
	}
	return results, int(full.Load())
}

// ping fills r. Its error is why nothing was sent.
func (c Client) ping(ctx context.Context, p Ping, r *Result, noBuffers *atomic.Int64) (err error) {
	if c.Err != nil {
		return c.Err
	}
	if err := packets.Pause(ctx, rand.N(p.Interval)); err != nil {
		return err
	}
	later := &sendErrors{}
	for {
		err = c.pingOnce(ctx, p, r, later)
		// go-ping gives up when the first request meets a full queue: ours, so
		// begin anew.
		if !errors.Is(err, unix.ENOBUFS) {
			break
		}
		noBuffers.Add(1)
		if packets.Pause(ctx, packets.Jitter(10*time.Millisecond)) != nil {
			break
		}
	}
	switch {
	case r.Received > 0 && r.Sent >= r.Asked:
		r.Reason = ""
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.Received > 0:
		r.Reason = fmt.Sprintf("tester: %d of %d requests could not be sent", r.Asked-r.Sent, r.Asked)
		if err := later.first(); err != nil {
			r.Reason += ": " + err.Error()
		}
	case c.noRoute(err):
		r.Reason = c.NoRoute(r.Target)
	case err != nil:
		return fmt.Errorf("tester: cannot ping: %w", err)
	case r.Reason == "":
		r.Reason = c.silence(p.Timeout, r.Sent)
	}
	return nil
}

// pingOnce runs go-ping with its socket inside the namespace and its
// goroutines outside. It fills r; its error is that of the first request, and
// later takes those of the others.
func (c Client) pingOnce(ctx context.Context, p Ping, r *Result, later *sendErrors) error {
	pinger := ping.New("")
	pinger.SetIPAddr(&net.IPAddr{IP: c.Target.AsSlice(), Zone: c.Target.Zone()})
	pinger.SetPrivileged(true)
	pinger.SetLogger(later)
	pinger.RecordRtts = false
	pinger.Count = p.Count
	pinger.Interval = p.Interval
	pinger.Timeout = time.Duration(p.Count-1)*p.Interval + p.Timeout
	rtt := measure.NewSmallDistribution()
	pinger.OnRecv = func(p *ping.Packet) { rtt.Record(p.Rtt) }
	stop := context.AfterFunc(ctx, pinger.Stop)
	defer stop()

	return c.NS.Enter(func(leave func() error) error {
		errs, err := c.listenErrors()
		if err != nil {
			return err
		}
		defer errs.Close()
		// The socket exists and belongs to the namespace: the thread need not stay.
		var leaveErr error
		pinger.OnSetup = func() { leaveErr = leave() }
		err = pinger.Run()
		if leaveErr != nil {
			return leaveErr
		}
		s := pinger.Statistics()
		r.Sent, r.Received, r.Duplicates = s.PacketsSent, s.PacketsRecv, s.PacketsRecvDuplicates
		if rtt.Count() > 0 {
			r.RTT = rtt
		}
		if r.Received == 0 {
			r.Reason = errs.complaint()
		}
		return err
	})
}

// sendErrors is a logger of go-ping, which says by it alone that a request after
// the first could not be sent.
type sendErrors struct {
	ping.NoopLogger
	mu  sync.Mutex
	err error
}

func (s *sendErrors) Fatalf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && strings.HasPrefix(format, "sending") {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *sendErrors) first() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
