package icmp

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// Latency is what ProbeAll has measured.
type Latency struct {
	Clients []Result              // one for each client, in their order
	RTT     *measure.Distribution // of all clients
	Timeline

	// The tester's own share: when it is not small, think twice before you
	// blame the router.
	SendDelay  *measure.Distribution // how much later than planned requests were sent
	NoBuffers  int                   // how often the kernel's send queue was full and a request was sent again
	Overflows  int                   // packets lost because a client's receive buffer was full: they look like loss
	ClockSteps int                   // replies without an RTT because the clock was set meanwhile
	Unstamped  int                   // replies without an RTT because the kernel put no time on them
}

// total adds up a count of all clients.
func (l Latency) total(count func(Result) int) (n int) {
	for _, r := range l.Clients {
		n += count(r)
	}
	return n
}

// Sent is how many requests of all clients the kernel took.
func (l Latency) Sent() int { return l.total(func(r Result) int { return r.Sent }) }

// Received is how many requests of all clients had a reply in time.
func (l Latency) Received() int { return l.total(func(r Result) int { return r.Received }) }

// Loss is that of all clients together, in percent: 100 when nothing could be
// sent.
func (l Latency) Loss() float64 {
	return loss(l.total(func(r Result) int { return r.Asked }), l.Received())
}

// Worst are the n clients that fared worst, the worst first: by loss, and
// among equals by the 99th percentile of their RTTs.
func (l Latency) Worst(n int) []Result {
	worst := slices.Clone(l.Clients)
	slices.SortStableFunc(worst, func(a, b Result) int {
		return cmp.Or(cmp.Compare(b.Loss(), a.Loss()), cmp.Compare(b.RTT.P99(), a.RTT.P99()))
	})
	return worst[:max(0, min(n, len(worst)))]
}

// ProbeAll is PingAll for percentiles: times are the kernel's, and thousands of
// clients cost one goroutine. Requests go out
// evenly: client k of n sends its first k/n of the interval after the start, and
// the others one interval apart. It returns once every request has its reply or its Timeout is over.
// The end of ctx ends it early, with what was measured until then.
//
// An RTT is the time from when the link's driver got the request to when the
// link got the reply (timestamping.rst), so neither the way through lanstorm
// and its scheduling nor a client's wait for the neighbour's MAC address is part of it. Where no driver
// says when it got the request, as between two macvlans in bridge mode, the
// time counts from the system call.
func ProbeAll(ctx context.Context, clients []Client, p Ping) Latency {
	r := newProber(p.withDefaults(), clients)
	defer r.close()
	r.open()
	r.run(ctx)
	return r.result(ctx)
}

// prober is a ProbeAll under way.
type prober struct {
	Ping
	echo    echo
	all     []*probed
	able    []*probed // of all, those with a socket, in the order of sending
	epoll   int
	pending int   // requests of all clients that have no reply yet
	broken  error // why nothing works at all
	spans   spans

	sendDelay             *measure.Distribution
	noBuffers             int
	rtt                   *measure.Distribution
	timeline              Timeline
	recent                *measure.Distribution // of the span under way
	clockSteps, unstamped int
}

// probed is one client's part of it.
type probed struct {
	Client
	fd  int   // -1: none
	err error // why there is none

	flight    flight
	unsent    int
	sendErr   error // why the first of them was not sent
	rtt       *measure.Distribution
	complaint string // of the network
}

func newProber(p Ping, clients []Client) *prober {
	r := &prober{
		Ping: p, echo: newEcho(), epoll: -1, spans: p.spans(now()),
		rtt: measure.NewDistribution(), recent: measure.NewSmallDistribution(), sendDelay: measure.NewDistribution(),
	}
	for _, c := range clients {
		r.all = append(r.all, &probed{Client: c, fd: -1, flight: flight{timeout: p.Timeout, pending: &r.pending, spans: &r.spans}})
	}
	return r
}

// run sends and reads until all is done, or ctx ends.
func (r *prober) run(ctx context.Context) {
	if len(r.able) == 0 || r.broken != nil {
		return
	}
	if r.able[0].link == "" { // or else a client cannot ping itself, and nobody asks for its RTTs
		r.awaitStamps()
	}
	r.spans.start = now()
	r.timeline.Start, r.timeline.Step = time.Now(), r.spans.step
	r.broken = guard.Do(func() error { r.exchange(ctx); return nil })
}

// result is to be called when run is over, and before close.
func (r *prober) result(ctx context.Context) Latency {
	l := Latency{
		Clients: make([]Result, len(r.all)), RTT: r.rtt, Timeline: r.timeline, SendDelay: r.sendDelay,
		NoBuffers: r.noBuffers, ClockSteps: r.clockSteps, Unstamped: r.unstamped,
	}
	end := now()
	if r.recent.Count() > 0 {
		l.until(&r.recent, len(l.P50)+1)
	}
	for i, c := range r.all {
		f := &c.flight
		f.end(end)
		res := c.Client.result(r.Ping)
		res.RTT, res.Asked = c.rtt, f.sent+c.unsent
		res.Sent, res.Received, res.Late, res.Duplicates = f.sent, f.received, f.late, f.duplicates
		res.Losses = losses(f.shares)
		l.Clients[i] = res
		if c.fd >= 0 {
			l.Overflows += overflows(c.fd)
		}
	}
	r.explain(ctx, l.Clients)
	return l
}

// Control is what this machine itself saw of a target over another link than the
// clients'.
type Control struct {
	Link           string
	Target         netip.Addr
	Sent, Received int
}

func (c Control) String() string {
	return fmt.Sprintf("meanwhile over %s: %d replies to %d pings to %s", c.Link, c.Received, c.Sent, c.Target)
}

// PingOver pings target over a link of this machine, once each interval until ctx
// ends. What was sent less than timeout before that counts only if it was answered.
// The error is one of this machine.
func PingOver(ctx context.Context, link string, target netip.Addr, interval, timeout time.Duration) (Control, error) {
	const ever = 1000 * time.Hour
	client := Client{link: link, Target: target}
	r := newProber(Ping{Duration: ever, Interval: interval, Timeout: timeout}.withDefaults(), []Client{client})
	defer r.close()
	r.open()
	r.run(ctx)
	p := r.all[0]
	p.flight.end(now())
	c := Control{link, target, p.flight.sent, p.flight.received}
	if err := cmp.Or(r.broken, p.err, p.sendErr); err != nil && c.Received == 0 {
		return c, fmt.Errorf("ping over %s: %w", link, err)
	}
	return c, nil
}
