package workload

import (
	"context"
	"time"
)

// Resolve asks the client's name servers for the addresses of a name.
type Resolve struct{ Name string }

var _ Work = Resolve{}

// Kind is part of Work.
func (Resolve) Kind() string { return "look-up" }

// Do is part of Work.
func (r Resolve) Do(ctx context.Context, c *Client, m *Meter) error {
	start := time.Now()
	if _, err := c.Resolve(ctx, "ip", r.Name); err != nil {
		return err
	}
	m.Time("DNS", time.Since(start))
	sleep(ctx, pause)
	return nil
}

// pause is between what takes no time by itself.
const pause = 500 * time.Millisecond
