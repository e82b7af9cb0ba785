package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Round is one size measured once.
type Round struct {
	// Create is all of CreateClients, and these are its parts: until the first
	// DISCOVER, until the last ACK, and the rest.
	Create, Links, Lease, Configure time.Duration

	LeasesPerSecond float64 // while leases were asked for
	Resent          float64 // DHCP messages sent again for want of an answer

	// Each client pinged the router and the Internet, both within a second.
	// These are of the replies of both.
	Answered float64 // pings that had a reply
	P50, P99 time.Duration

	Remove time.Duration // all of Cleanup: leases given back, nothing left on the parent

	Idle // while the clients stood idle

	Failures []string // what did not go as it should: clients without replies, leftovers
	Verdict  string   // of the tester on itself
	Clean    bool
}

// internet is the host behind the lab's router that clients ping.
var internet = netip.MustParseAddr("8.8.8.8")

// spread is the time over which the pings to one target are spread. The
// sockets of one are open a little earlier than those of the other, and all
// pings must be sent within a second.
const spread = 900 * time.Millisecond

// round makes n clients, looks at them, has them ping and removes them. On
// error none of them stands.
func (s *session) round(ctx context.Context, l *lab.Lab, n int) (r Round, err error) {
	m, err := s.manager(l)
	if err != nil {
		return r, err
	}
	settle(ctx)
	before := takeStock()
	making := health.Start(health.Options{Parent: l.Parent, Flatout: true})
	start := time.Now()
	err = m.CreateClients(ctx, n)
	r.Create = time.Since(start)
	if err != nil {
		making.Stop()
		return r, err
	}
	defer func() { // after a panic, too
		if len(m.Clients()) > 0 {
			err = errors.Join(err, m.Cleanup(s.Patience))
		}
	}()
	strain := m.Strain()
	made := making.Stop(counters(strain, netmgr.Strain{}))
	r.Idle = before.until(readStock(), n) // not before Stop: a watch has files open
	r.divide(start, m)

	// Thousands of sockets are opened for it as fast as the processors allow. Of
	// the pings themselves the kernel takes the times.
	pinging := health.Start(health.Options{Parent: l.Parent, Flatout: true})
	var near, far netmgr.Latency
	ping := func() error {
		near, far = pingBoth(ctx, m)
		return context.Cause(ctx)
	}
	if s.around != nil {
		err = s.around(ctx, l, n, ping)
	} else {
		err = ping()
	}
	if err != nil {
		pinging.Stop()
		return r, err
	}
	pinged := pinging.Stop(counters(m.Strain(), strain))
	r.Answered = float64(near.Received() + far.Received())
	r.P50 = max(near.RTT.P50(), far.RTT.P50())
	r.P99 = max(near.RTT.P99(), far.RTT.P99())
	r.Failures = append(silent("the router", near), silent(internet.String(), far)...)
	r.Verdict, r.Clean = verdict(made, pinged)

	start = time.Now()
	err = m.Cleanup(s.Patience)
	r.Remove = time.Since(start)
	if err != nil {
		return r, err
	}
	left := s.leftovers(ctx, l)
	r.Failures = append(r.Failures, left...)
	return r, nil
}

// divide tells the parts of the creation that began at start and ended when
// r.Create was over.
func (r *Round) divide(start time.Time, m *netmgr.NetworkManager) {
	var first, last time.Time
	for _, c := range m.Clients() {
		if first.IsZero() || c.Timings.Asked.Before(first) {
			first = c.Timings.Asked
		}
		if c.Timings.Leased.After(last) {
			last = c.Timings.Leased
		}
	}
	made := m.Creation()
	r.Links = first.Sub(start)
	r.Lease = last.Sub(first)
	r.Configure = start.Add(r.Create).Sub(last)
	r.LeasesPerSecond = made.LeasesPerSecond()
	r.Resent = float64(made.Resent)
}

// pingBoth has every client ping the router and the Internet once, side by side.
func pingBoth(ctx context.Context, m *netmgr.NetworkManager) (near, far netmgr.Latency) {
	probe := netmgr.Ping{Count: 1, Interval: spread, Timeout: 2 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { near = m.ProbeAll(ctx, netmgr.Gateway, probe) })
	wg.Go(func() { far = m.ProbeAll(ctx, netmgr.Host(internet), probe) })
	wg.Wait()
	return near, far
}

// silent names those who had no reply.
func silent(target string, r netmgr.Latency) []string {
	mute := slices.DeleteFunc(slices.Clone(r.Clients), func(r netmgr.PingResult) bool { return r.Received > 0 })
	if len(mute) == 0 {
		return nil
	}
	why := netmgr.Grouped(mute, func(r netmgr.PingResult) (string, string) { return r.Client, r.Reason })
	return []string{fmt.Sprintf("%d of %d clients had no reply from %s: %s", len(mute), len(r.Clients), target, why)}
}

func counters(now, before netmgr.Strain) health.Counters {
	return health.Counters{
		NoBuffers: now.NoBuffers - before.NoBuffers,
		Overflows: now.Overflows - before.Overflows,
		LinkDrops: now.LinkDrops - before.LinkDrops,
		Deaf:      now.Deaf,
	}
}

// verdict sums up what the tester was like while clients were made, and while
// they pinged.
func verdict(made, pinged health.Report) (string, bool) {
	if made.Clean() && pinged.Clean() {
		return "tester: clean", true
	}
	var parts []string
	for _, p := range []struct {
		when string
		r    health.Report
	}{{"making clients", made}, {"pinging", pinged}} {
		if !p.r.Clean() {
			parts = append(parts, p.when+": "+strings.TrimPrefix(p.r.String(), "tester: "))
		}
	}
	return "tester: " + strings.Join(parts, "; "), false
}
