package main

import (
	"context"
	"math"
	"runtime/debug"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/netmgr"
)

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
		rest := func(d time.Duration) bench.Held {
			_ = packets.Pause(ctx, d)
			debug.FreeOSMemory()
			return bench.InUse()
		}
		r.Early, r.End = rest(early), rest(d-early)
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
