package netmgr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-ping/ping"
	"golang.org/x/sys/unix"
)

// Ping says what every client pings, and how.
type Ping struct {
	Target   Target
	Count    int           // echo requests a client sends; default 1
	Interval time.Duration // between two of them; default 1s
	Timeout  time.Duration // wait for replies after the last; default 1s
}

// Target tells a client whom to ping. Its error is that client's reason.
type Target func(*Client) (netip.Addr, error)

// Host is the same target for every client.
func Host(addr netip.Addr) Target {
	return func(*Client) (netip.Addr, error) { return addr, nil }
}

// Gateway is each client's own router.
func Gateway(c *Client) (netip.Addr, error) {
	if !c.Lease().Gateway.IsValid() {
		return netip.Addr{}, errors.New(noGateway(c))
	}
	return c.Lease().Gateway, nil
}

func noGateway(c *Client) string {
	if !c.HasLease() {
		return "it has no address: " + c.Missing().Error()
	}
	return fmt.Sprintf("the lease from %s names no gateway (option 3)", c.Lease().Server)
}

// PingResult is one client's view of its target. Times are those of go-ping,
// taken in user space: good for "did it answer", too coarse for percentiles.
type PingResult struct {
	Client         *Client
	Target         netip.Addr
	Asked          int // requests that were to be sent
	Sent, Received int
	Min, Avg, Max  time.Duration // zero when nothing was received
	Reason         string        // why nothing came back, or not all was sent; else empty
}

// Loss is the share of requests without a reply, in percent. What was to be sent
// and was not has no reply either.
func (r PingResult) Loss() float64 {
	if asked := max(r.Asked, r.Sent); asked > 0 {
		return 100 * float64(asked-r.Received) / float64(asked)
	}
	return 100
}

// PingAll pings from every client at once, each starting at a random point of
// the first interval, and returns when the last has finished: one result for
// each client, in the order of Clients. The end of ctx ends all pings early.
func (m *NetworkManager) PingAll(ctx context.Context, p Ping) []PingResult {
	p.Count = max(p.Count, 1)
	if p.Interval <= 0 {
		p.Interval = time.Second
	}
	if p.Timeout <= 0 {
		p.Timeout = time.Second
	}
	results := make([]PingResult, len(m.clients))
	var wg sync.WaitGroup
	for i, c := range m.clients {
		wg.Go(func() {
			if err := safely(func() error { results[i] = c.ping(ctx, p); return nil }); err != nil {
				results[i] = PingResult{Client: c, Asked: p.Count, Reason: err.Error()}
			}
		})
	}
	wg.Wait()
	return results
}

func (c *Client) ping(ctx context.Context, p Ping) PingResult {
	r := PingResult{Client: c, Asked: p.Count}
	var err error
	later := &sendErrors{}
	if r.Target, err = p.Target(c); err != nil {
		r.Reason = err.Error()
		return r
	}
	if err := sleep(ctx, rand.N(p.Interval)); err != nil {
		r.Reason = err.Error()
		return r
	}
	for {
		err = c.pingOnce(ctx, p, &r, later)
		// go-ping gives up when the first request meets a full queue: ours, so
		// begin anew.
		if !errors.Is(err, unix.ENOBUFS) {
			break
		}
		c.m.strain.noBuffers.Add(1)
		if sleep(ctx, jitter(10*time.Millisecond)) != nil {
			break
		}
	}
	switch {
	case r.Received > 0 && r.Sent >= r.Asked:
		r.Reason = ""
	case ctx.Err() != nil:
		r.Reason = context.Cause(ctx).Error()
	case r.Received > 0:
		r.Reason = fmt.Sprintf("tester: %d of %d requests could not be sent", r.Asked-r.Sent, r.Asked)
		if err := later.first(); err != nil {
			r.Reason += ": " + err.Error()
		}
	case errors.Is(err, unix.ENETUNREACH):
		r.Reason = c.noRoute(r.Target)
	case err != nil:
		r.Reason = fmt.Sprintf("tester: cannot ping: %v", err)
	case r.Reason == "":
		r.Reason = c.silence(p, r)
	}
	return r
}

// noRoute explains why the kernel does not know where to send.
func (c *Client) noRoute(target netip.Addr) string {
	if !c.Lease().Gateway.IsValid() {
		return fmt.Sprintf("no route to %s: %s", target, noGateway(c))
	}
	if !c.linked() {
		return fmt.Sprintf("tester: no route to %s: the link %s is not there any more", target, c.Link)
	}
	return fmt.Sprintf("no route to %s", target)
}

// linked reports whether the client still has its link.
func (c *Client) linked() bool {
	h, err := c.ns.Netlink()
	if err != nil {
		return false
	}
	defer h.Close()
	_, err = h.LinkByIndex(c.index)
	return err == nil
}

// silence explains why no reply came although requests were sent and nobody
// complained.
func (c *Client) silence(p Ping, r PingResult) string {
	if hop, resolved := c.nextHop(r.Target); hop.IsValid() && !resolved {
		if hop == r.Target {
			return fmt.Sprintf("%s does not answer ARP", hop)
		}
		return fmt.Sprintf("the gateway %s does not answer ARP", hop)
	}
	return fmt.Sprintf("%s did not answer within %s (%d requests sent)", r.Target, p.Timeout, r.Sent)
}

// pingOnce runs go-ping with its socket inside the namespace and its
// goroutines outside. It fills r; its error is that of the first request, and
// later takes those of the others.
func (c *Client) pingOnce(ctx context.Context, p Ping, r *PingResult, later *sendErrors) error {
	pinger := ping.New("")
	pinger.SetIPAddr(&net.IPAddr{IP: r.Target.AsSlice()})
	pinger.SetPrivileged(true)
	pinger.SetLogger(later)
	pinger.RecordRtts = false
	pinger.Count = p.Count
	pinger.Interval = p.Interval
	pinger.Timeout = time.Duration(p.Count-1)*p.Interval + p.Timeout
	stop := context.AfterFunc(ctx, pinger.Stop)
	defer stop()

	return c.ns.Enter(func(leave func() error) error {
		complaints, err := listenICMPErrors()
		if err != nil {
			return err
		}
		defer complaints.Close()
		// The socket exists and belongs to the namespace: the thread need not stay.
		var leaveErr error
		pinger.OnSetup = func() { leaveErr = leave() }
		err = pinger.Run()
		if leaveErr != nil {
			return leaveErr
		}
		s := pinger.Statistics()
		r.Sent, r.Received = s.PacketsSent, s.PacketsRecv
		r.Min, r.Avg, r.Max = s.MinRtt, s.AvgRtt, s.MaxRtt
		if r.Received == 0 {
			r.Reason = complaints.about(r.Target, c.Lease().Address.Addr())
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

// sleep waits for d, or for the end of ctx, whose cause it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// jitter spreads d by a quarter either way.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }
