package netmgr

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// explain gives each client its Reason: what Ping would say, and what kept
// requests from being sent.
func (r *prober) explain(ctx context.Context, clients []Latency) {
	// To look at ARP tables takes a visit to each namespace.
	inParallel(len(r.all), func(i int) {
		err := safely(func() error {
			clients[i].Reason = r.reason(ctx, r.all[i], clients[i])
			return nil
		})
		if err != nil {
			clients[i].Reason = err.Error()
		}
	})
}

func (r *prober) reason(ctx context.Context, c *probed, l Latency) string {
	switch {
	case c.err != nil:
		return c.err.Error()
	case r.broken != nil && l.Received == 0:
		return r.broken.Error()
	case c.sendErr != nil && (l.Sent == 0 || l.Received > 0):
		return whyUnsent(c, l)
	case l.Received > 0:
		return ""
	case c.complaint != "":
		return c.complaint
	case ctx.Err() != nil && l.Sent == 0:
		return context.Cause(ctx).Error()
	case l.Late > 0:
		return fmt.Sprintf("%s answers, but not within %s (%d late replies)", l.Target, r.Timeout, l.Late)
	}
	return c.client.silence(Ping{Timeout: r.Timeout}, PingResult{Target: l.Target, Sent: l.Sent})
}

// whyUnsent words the first error of sendto.
func whyUnsent(c *probed, l Latency) string {
	if errors.Is(c.sendErr, unix.ENETUNREACH) {
		return c.client.noRoute(l.Target)
	}
	return fmt.Sprintf("tester: %d of %d requests could not be sent: %v", l.Unsent, l.Sent+l.Unsent, c.sendErr)
}
