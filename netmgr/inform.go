package netmgr

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Inform has every client that has a lease ask its server for options by INFORM,
// and returns those for whom the answer was not as RFC 2131 §4.3.5 wants.
func (m *NetworkManager) Inform(ctx context.Context) []Problem {
	const tries = 3
	return m.Each(ctx, func(ctx context.Context, c *Client) error {
		l := c.Lease()
		if !l.Address.IsValid() {
			return nil
		}
		conn, err := c.dialServer(l.Address, l.Server)
		if err != nil {
			return fmt.Errorf("INFORM: %w", err)
		}
		defer conn.Close()
		for i := range tries {
			if a := c.inform(ctx, conn, l.Address.Addr(), time.Second<<i); a != nil {
				if err := a.Check(); err != nil {
					return fmt.Errorf("INFORM to %s: %w (RFC 2131 §4.3.5)", l.Server, err)
				}
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return errors.New(l.Server.String() + " did not answer 3 INFORMs (RFC 2131 §4.3.5)")
	})
}
