package netmgr

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Probe says what every client pings to learn how long replies take. It is
// Ping for percentiles: times are the kernel's, and thousands of clients cost
// one goroutine that sends and one that reads.
type Probe struct {
	Target   Target
	Count    int           // echo requests a client sends; 0: as many as fit in Duration
	Duration time.Duration // how long a client goes on sending, at least once; without effect when Count is set
	Interval time.Duration // between two requests of a client; default 1s
	Timeout  time.Duration // a reply that takes longer is late, and its request lost; default 1s
}

func (p Probe) withDefaults() Probe {
	if p.Interval <= 0 {
		p.Interval = time.Second
	}
	if p.Timeout <= 0 {
		p.Timeout = time.Second
	}
	if p.Count <= 0 {
		p.Count = max(1, int((p.Duration+p.Interval-1)/p.Interval))
	}
	return p
}

// Latency is one client's view of its target.
//
// Every request is in exactly one of these: Received, lost (Sent - Received)
// or Unsent. Those still waiting for a reply, not yet for Timeout, when ctx
// ends are in none: nobody knows what would have become of them.
type Latency struct {
	Client     *Client
	Target     netip.Addr
	Sent       int           // requests that the kernel took
	Unsent     int           // requests that it did not take: the tester's doing, or for want of a route
	Received   int           // requests with a reply within Timeout
	Late       int           // requests with a reply after Timeout, which count as lost
	Duplicates int           // replies to a request that had one already
	RTT        *Distribution // of replies within Timeout; nil, which is an empty one, when there are none
	Reason     string        // why nothing came back, or could not be sent; empty when all is well
}

// Loss is the share of requests without a reply in time, in percent: 100 when
// nothing could be sent.
func (l Latency) Loss() float64 { return loss(l.Sent, l.Received) }

func loss(sent, received int) float64 {
	return PingResult{Sent: sent, Received: received}.Loss()
}

// ProbeResult is what ProbeAll has measured.
type ProbeResult struct {
	Clients []Latency     // one for each client, in the order of Clients
	RTT     *Distribution // of all clients

	// The tester's own share: when it is not small, think twice before you
	// blame the router.
	SendDelay  *Distribution // how much later than planned requests were sent
	NoBuffers  int           // how often the kernel's send queue was full and a request was sent again
	Overflows  int           // packets lost because a client's receive buffer was full: they look like loss
	ClockSteps int           // replies without an RTT because the clock was set meanwhile
	Unstamped  int           // replies without an RTT because the kernel put no time on them
}

// Sent and Received are totals over all clients.
func (r ProbeResult) Sent() (n int) {
	for _, l := range r.Clients {
		n += l.Sent
	}
	return n
}

// Received is how many requests of all clients had a reply in time.
func (r ProbeResult) Received() (n int) {
	for _, l := range r.Clients {
		n += l.Received
	}
	return n
}

// Loss is that of all clients together, in percent: 100 when nothing could be
// sent.
func (r ProbeResult) Loss() float64 { return loss(r.Sent(), r.Received()) }

// Worst are the n clients that fared worst, the worst first: by loss, and
// among equals by the 99th percentile of their RTTs.
func (r ProbeResult) Worst(n int) []Latency {
	worst := slices.Clone(r.Clients)
	slices.SortStableFunc(worst, func(a, b Latency) int {
		return cmp.Or(cmp.Compare(b.Loss(), a.Loss()), cmp.Compare(b.RTT.P99(), a.RTT.P99()))
	})
	return worst[:max(0, min(n, len(worst)))]
}

// ProbeAll pings from every client, evenly: client k of n sends its first
// request k/n of the interval after the start, and the others one interval
// apart. It returns once every request has its reply or its Timeout is over.
// The end of ctx ends it early, with what was measured until then.
//
// An RTT is the time from when the link's driver got the request to when the
// link got the reply (timestamping.rst), so neither the way through lanstorm
// and its scheduling nor a client's wait for ARP is part of it. Where no driver
// says when it got the request, as between two macvlans in bridge mode, the
// time counts from the system call.
func (m *NetworkManager) ProbeAll(ctx context.Context, p Probe) ProbeResult {
	r := newProber(p.withDefaults(), m.Clients())
	defer r.close()
	r.open()
	r.run(ctx)
	result := r.result(ctx)
	m.strain.noBuffers.Add(int64(result.NoBuffers))
	m.strain.overflows.Add(int64(result.Overflows))
	return result
}

// prober is a ProbeAll under way. Of its fields, those below each comment are
// used by nobody else while it runs.
type prober struct {
	Probe
	echo    echo
	all     []*probed
	able    []*probed // of all, those with a socket, in the order of sending
	epoll   int
	pending pending
	broken  error // why nothing works at all

	// The sender's.
	sendDelay *Distribution
	noBuffers int

	// The poller's.
	rtt                   *Distribution
	clockSteps, unstamped int
}

// probed is one client's part of it.
type probed struct {
	client *Client
	target netip.Addr
	fd     int   // -1: none
	err    error // why there is none

	// The sender's.
	unsent  int
	sendErr error // why the first of them was not sent

	// The poller's.
	rtt       *Distribution
	complaint string // of the network

	mu     sync.Mutex
	flight flight
}

func newProber(p Probe, clients []*Client) *prober {
	r := &prober{Probe: p, echo: newEcho(), epoll: -1, rtt: newDistribution(), sendDelay: newDistribution()}
	for _, c := range clients {
		r.all = append(r.all, &probed{client: c, fd: -1, flight: flight{timeout: p.Timeout, pending: &r.pending}})
	}
	return r
}

// run sends and reads until all is done, or ctx ends.
func (r *prober) run(ctx context.Context) {
	if len(r.able) == 0 || r.broken != nil {
		return
	}
	r.awaitStamps()
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		r.broken = safely(func() error { r.send(ctx); return nil })
	}()
	r.poll(ctx, sending)
}

// result is to be called when run is over, and before close.
func (r *prober) result(ctx context.Context) ProbeResult {
	res := ProbeResult{
		Clients: make([]Latency, len(r.all)), RTT: r.rtt, SendDelay: r.sendDelay,
		NoBuffers: r.noBuffers, ClockSteps: r.clockSteps, Unstamped: r.unstamped,
	}
	end := now()
	for i, c := range r.all {
		f := &c.flight
		f.end(end)
		res.Clients[i] = Latency{
			Client: c.client, Target: c.target, RTT: c.rtt,
			Sent: f.sent, Unsent: c.unsent, Received: f.received, Late: f.late, Duplicates: f.duplicates,
		}
		if c.fd >= 0 {
			res.Overflows += overflows(c.fd)
		}
	}
	r.explain(ctx, res.Clients)
	return res
}
