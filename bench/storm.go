package main

import (
	"cmp"
	"context"
	"math"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Storm is clients that all ask for a lease at the same moment.
type Storm struct {
	Server       string
	Clients      int
	Seen         int           // clients whose messages a packet capture saw
	Span         time.Duration // in it, from the first client's first message to the last client's first
	Leased       time.Duration // from the first DISCOVER to the last ACK
	Sent, Resent int           // DHCP messages; Sent includes Resent
}

func storm(ctx context.Context, s *bench.Session, l *lab.Lab, server lab.Server, n int) (r Storm, err error) {
	opts := s.Clients(l)
	opts.InFlight = 0
	text, err := captured(ctx, l.Parent, "udp dst port 67", func() error {
		return with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
			made := m.Creation()
			r = Storm{Server: string(server), Clients: made.Clients, Leased: made.Leasing, Sent: made.Sent, Resent: made.Resent}
			return nil
		})
	})
	r.Seen, r.Span = askers(text)
	return r, err
}

var askerLine = regexp.MustCompile(`(?m)^(\d+\.\d+) (\S+) > `)

// askers counts the clients whose messages tcpdump saw, by MAC address. The span is
// from the first client's first message to the last client's first.
func askers(text string) (n int, span time.Duration) {
	clients := map[string]bool{}
	var first time.Duration
	for _, m := range askerLine.FindAllStringSubmatch(text, -1) {
		at, mac := moment(m[1]), m[2]
		if len(clients) == 0 {
			first = at
		}
		if !clients[mac] {
			clients[mac], span = true, at-first
		}
	}
	return len(clients), span
}

// checking measures how much longer n clients take because they first check whether
// their addresses are free. It is the difference of two medians.
func checking(ctx context.Context, s *bench.Session, l *lab.Lab, n int) (time.Duration, error) {
	var took [2][]time.Duration
	for i := range 2 * s.Repeat {
		bench.Settle(ctx)
		opts := s.Clients(l)
		opts.TrustAddresses = i%2 == 1
		err := with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
			took[i%2] = append(took[i%2], m.Creation().Took)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return median(took[0]) - median(took[1]), nil
}

// median is the middle one, the lower of two.
func median[T cmp.Ordered](all []T) T {
	return slices.Sorted(slices.Values(all))[(len(all)-1)/2]
}

// Standing is clients that do nothing but renew their leases.
type Standing struct {
	Clients         int
	Lease, Duration time.Duration
	CPU             float64    // the share of one core that this process used
	Renewals        int        // that came in time, from the server asked
	Fewest          int        // of one client
	Late, Lost      int        // renewals by broadcast; leases lost
	Early, End      bench.Held // by this process, after the first renewals and at the end
}

// Expected is how often each client must have renewed at least: whenever half of the
// lease is over. The last renewal may still be under way.
func (r Standing) Expected() int { return max(0, int(2*r.Duration/max(r.Lease, 1))-1) }

func standing(ctx context.Context, s *bench.Session, l *lab.Lab, n int, lease, d time.Duration) (r Standing, err error) {
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		past, cpu, early := m.Past(), cpuShare(), min(d/2, lease)
		r = Standing{Clients: n, Lease: lease, Duration: d, Fewest: math.MaxInt}
		r.Early, r.End = rest(ctx, early), rest(ctx, d-early)
		r.CPU, r.Lost = cpu(), len(past.NotKept())
		for _, c := range m.Clients() {
			story := c.Status()
			r.Renewals += story.Renewed
			r.Late += story.Rebound
			r.Fewest = min(r.Fewest, story.Renewed)
		}
		return nil
	})
	return r, err
}

// rest waits, and then tells what this process holds without garbage.
func rest(ctx context.Context, d time.Duration) bench.Held {
	_ = packets.Pause(ctx, d)
	debug.FreeOSMemory()
	return bench.InUse()
}
