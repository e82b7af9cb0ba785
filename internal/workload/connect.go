package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Connect opens TCP connections to ports of the gateway. It counts as good when
// the gateway refuses one: then it is there.
type Connect struct{ Ports []int }

var _ Work = Connect{}

// Kind is part of Work.
func (Connect) Kind() string { return "connection" }

// Do is part of Work.
func (w Connect) Do(ctx context.Context, c *Client, m *Meter) error {
	if !c.Gateway.IsValid() {
		return errNoGateway
	}
	for _, port := range w.Ports {
		brief, cancel := context.WithTimeoutCause(ctx, connectTime, fmt.Errorf("port %d of %s did not answer within %s", port, c.Gateway, connectTime))
		start := time.Now()
		conn, err := c.Dial(brief, "tcp", net.JoinHostPort(c.Gateway.String(), strconv.Itoa(port)))
		switch {
		case err == nil:
			conn.Close()
		case !errors.Is(err, syscall.ECONNREFUSED):
			err = because(brief, err)
			cancel()
			return err
		}
		cancel()
		m.Time("connect", time.Since(start))
	}
	sleep(ctx, pause)
	return nil
}

const connectTime = 10 * time.Second
