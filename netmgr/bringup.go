package netmgr

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/guard"
)

// Arrival is how clients come up. The zero value is all at once.
type Arrival struct {
	Gap      time.Duration // between two clients
	InFlight int           // how many may be asking for an address at one time; 0: Options.InFlight

	// OnTheirOwn: to make them is to have them ask. Whether a client gets an
	// address and when is no matter of the creation; it goes on asking.
	OnTheirOwn bool
}

// bringUp takes clients through their stages. What it made before an error
// stays, for Cleanup to find.
type bringUp struct {
	m       *NetworkManager
	clients []*Client
	arrival Arrival

	mu          sync.Mutex
	standing    int // clients that came through
	peak        int // clients that were asking at one time, at most
	failed      []*ClientError
	start, done time.Time     // done: whatever becomes of a client from then on is no matter of this
	over        chan struct{} // closed when all stand, or one has failed
	asking      bool          // all have begun to, and are on their own now
	whole       bool          // all stand, or are on their own, and none has failed, as was found in the end
}

// run makes all links before the first client asks for its address: so it is
// the router that decides how fast leases come, and arrivals keep their pace.
// From then on nothing holds a client back but what the router does, and the
// bound that somebody asked for.
func (b *bringUp) run(ctx context.Context) {
	b.start = time.Now()
	b.over = make(chan struct{})
	defer b.finish()
	for _, c := range b.clients {
		c.up = b
	}
	if err := b.m.openLine(dhcp4.Options{Unchecked: b.m.opts.TrustAddresses}); err != nil {
		b.fail(b.clients[0].failedAt(StageLink, err))
		return
	}
	if !b.makeLinks(ctx) {
		return
	}
	if b.m.opts.IPFamily == IPv6 {
		b.await6(ctx)
		return
	}
	group := b.m.group
	group.SetInFlight(b.bound())
	group.Peak()
	all := make([]*dhcp4.Client, len(b.clients))
	for i, c := range b.clients {
		c.dhcp = group.Add(c.identity(), host{c})
		all[i] = c.dhcp
	}
	switch {
	case b.arrival.OnTheirOwn:
		group.Start(0, all...)
		b.asking = true
		return
	case b.arrival.Gap > 0:
		b.arrive(ctx, all)
	default:
		group.Start(b.m.opts.DHCPTimeout, all...)
	}
	select {
	case <-b.over:
	case <-ctx.Done():
	}
	b.peak = group.Peak()
}

// bound is how many clients may be asking for an address at one time; 0: any
// number.
func (b *bringUp) bound() int { return cmp.Or(b.arrival.InFlight, b.m.opts.InFlight) }

// arrive lets a client ask whenever its time has come: who arrives does not ask
// how the others fare.
func (b *bringUp) arrive(ctx context.Context, all []*dhcp4.Client) {
	first := time.Now()
	for i, c := range all {
		select {
		case <-time.After(time.Until(first.Add(time.Duration(i) * b.arrival.Gap))):
			b.m.group.Start(b.m.opts.DHCPTimeout, c)
		case <-b.over:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (b *bringUp) finish() {
	b.end()
	if !b.whole {
		b.m.leave(b.m.opts.Patience) // nobody is in the middle of anything when all is taken down
	}
	for _, c := range b.clients {
		c.closeNetlink()
		c.recall()
	}
	slices.SortFunc(b.failed, func(x, y *ClientError) int {
		_, i := splitNumber(x.Client)
		_, j := splitNumber(y.Client)
		return cmp.Compare(i, j)
	})
}

// makeLinks makes the clients' links, and begins with no more of them once one has
// failed: they would all be taken down again. It reports whether all stand.
func (b *bringUp) makeLinks(ctx context.Context) bool {
	var failed atomic.Bool
	// The kernel makes one link at a time, whoever asks; but the rest of it two.
	guard.Each(len(b.clients), runtime.NumCPU(), func(i int) error {
		if failed.Load() || ctx.Err() != nil {
			return nil
		}
		if err := b.clients[i].make(); err != nil {
			failed.Store(true)
			b.fail(err)
		}
		return nil
	})
	return !failed.Load() && ctx.Err() == nil
}

func (b *bringUp) fail(err *ClientError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done.IsZero() {
		return
	}
	b.failed = append(b.failed, err)
	b.wake()
}

// ready is told of a client whose kernel has followed its lease, or of the
// error that kept it from that. Of a client that stands already it is no news.
func (b *bringUp) ready(c *Client, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case c.stands || !b.done.IsZero():
		return
	case err != nil:
		b.failed = append(b.failed, c.failedAt(StageConfigure, err))
	default:
		c.stands = true
		b.standing++
	}
	if err != nil || b.standing == len(b.clients) {
		b.wake()
	}
}

// wake wakes run, once. The caller holds mu.
func (b *bringUp) wake() {
	select {
	case <-b.over:
	default:
		close(b.over)
	}
}

// end decides what became of it all, while clients may still be on their way.
func (b *bringUp) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = (b.asking || b.standing == len(b.clients)) && len(b.failed) == 0
	b.done = time.Now()
}

// make makes what a client needs before it can ask for an address.
func (c *Client) make() *ClientError {
	start := time.Now()
	if err := guard.Do(c.makeNamespace); err != nil {
		return c.failedAt(StageNamespace, err)
	}
	c.Timings.Namespace = time.Since(start)
	if err := guard.Do(c.makeLink); err != nil {
		return c.failedAt(StageLink, err)
	}
	c.Timings.Link = time.Since(start) - c.Timings.Namespace
	return nil
}

// recall reads from the client's DHCP how it came to its lease.
func (c *Client) recall() {
	s := c.Status()
	t := &c.Timings
	t.Asked, t.Leased, t.Offer, t.Ack, t.Sent, t.Resent = s.Asked, s.Leased, s.Offer, s.Ack, s.Sent, s.Resent
	if !s.Leased.IsZero() {
		t.Lease = s.Leased.Sub(s.Asked)
	}
}

// Status is what there is to tell of the client's DHCP.
func (c *Client) Status() Status {
	if c.dhcp == nil {
		return Status{}
	}
	return c.dhcp.Status()
}

// openLine begins to listen for clients, for as long as there are any.
func (m *NetworkManager) openLine(opts dhcp4.Options) (err error) {
	if m.line != nil {
		return nil
	}
	m.group = dhcp4.NewGroup(opts)
	if err := m.open6(); err != nil {
		return err
	}
	if err := m.listen(); err != nil {
		return err
	}
	four, six := m.group, m.lan6.group
	m.carrier, err = watchCarrier(m.parent.Index, func() {
		four.Reconnected()
		if six != nil {
			six.LinkIsUp()
		}
	})
	return err
}

// leave ends all clients. It waits a little for what they are just being granted,
// so that it can be given back.
func (m *NetworkManager) leave(patience context.Context) {
	if m.group != nil {
		m.group.Leave(patience, m.theirDHCP(m.clients)...)
	}
	m.endDHCP()
}

// endDHCP stops all clients where they are, and waits for the kernels that
// follow leases. To stop some of them would not do: those that go on would give
// work to be waited for without end.
func (m *NetworkManager) endDHCP() {
	m.rest6()
	if m.group != nil {
		m.group.Close()
		m.group = nil
	}
	m.work.Wait()
}

// closeLine ends all DHCP but for the RELEASEs.
func (m *NetworkManager) closeLine(patience context.Context) {
	m.close6()
	m.leave(patience)
	if m.carrier != nil {
		m.carrier.Close()
		m.outages = append(m.outages, m.carrier.outages...)
		m.carrier = nil
	}
	if m.line != nil {
		m.strain.overflows.Add(m.line.Close())
		m.strain.broken = m.line.Failure()
		m.line = nil
	}
	for _, c := range m.clients {
		c.closeSender()
	}
}

// await6 waits for the IPv6 addresses of clients that speak nothing else.
func (b *bringUp) await6(ctx context.Context) {
	if b.arrival.OnTheirOwn {
		b.asking = true
		return
	}
	select {
	case <-b.over:
	case <-ctx.Done():
	case <-time.After(b.m.opts.DHCPTimeout):
		for _, c := range b.clients {
			if len(c.Global6()) == 0 {
				b.fail(c.failedAt(StageAddress, c.Missing6()))
			}
		}
	}
}
