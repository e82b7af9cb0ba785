package icmp

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
)

// explain gives each client its Reason: what Ping would say, and what kept
// requests from being sent.
func (r *prober) explain(ctx context.Context, clients []Result) {
	// To look at ARP tables takes a visit to each namespace.
	errs := guard.Each(len(r.all), few, func(i int) error {
		clients[i].Reason = r.reason(ctx, r.all[i], clients[i])
		return nil
	})
	for i, err := range errs {
		if err != nil {
			clients[i].Reason = err.Error()
		}
	}
}

func (r *prober) reason(ctx context.Context, c *probed, l Result) string {
	switch {
	case c.Err != nil:
		return c.Err.Error()
	case c.err != nil:
		return "tester: cannot ping: " + c.err.Error()
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
	return c.silence(r.Timeout, l.Sent)
}

// whyUnsent words the first error of sendto.
func whyUnsent(c *probed, l Result) string {
	if errors.Is(c.sendErr, unix.ENETUNREACH) {
		return c.NoRoute(l.Target)
	}
	return fmt.Sprintf("tester: %d of %d requests could not be sent: %v", l.Asked-l.Sent, l.Asked, c.sendErr)
}
