package workload

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Ping asks a host if it is there (RFC 792).
type Ping struct {
	Target            netip.Addr // the zero Addr: the client's gateway
	Count             int
	Interval, Timeout time.Duration
}

var _ Work = Ping{}

// Kind is part of Work.
func (Ping) Kind() string { return "ping" }

// Do is part of Work.
func (p Ping) Do(ctx context.Context, c *Client, m *Meter) error {
	to := p.Target
	if !to.IsValid() {
		to = c.Gateway
	}
	if !to.IsValid() {
		return errNoGateway
	}
	lost, reason := c.Ping(ctx, to, p)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.Sum("sent", float64(p.Count))
	m.Sum("lost", float64(lost))
	switch {
	case lost == 0:
		return nil
	case reason != "":
		return errors.New(reason)
	}
	return fmt.Errorf("lost %d of %d pings to %s", lost, p.Count, to)
}

var errNoGateway = errors.New("the lease names no gateway (option 3)")
