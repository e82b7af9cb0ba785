package icmp

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Control is what this machine itself saw of a target over another link than the
// clients'.
type Control struct {
	Link           string
	Target         netip.Addr
	Sent, Received int
}

func (c Control) String() string {
	return fmt.Sprintf("meanwhile over %s: %d replies to %d pings to %s", c.Link, c.Received, c.Sent, c.Target)
}

// PingOver pings target over a link of this machine, once each interval until ctx
// ends. What was sent less than timeout before that counts only if it was answered.
// The error is one of this machine.
func PingOver(ctx context.Context, link string, target netip.Addr, interval, timeout time.Duration) (Control, error) {
	const ever = 1000 * time.Hour
	client := Client{link: link, Target: target, Address: func() (unknown netip.Addr) { return unknown }}
	r := newProber(Ping{Duration: ever, Interval: interval, Timeout: timeout}.withDefaults(), []Client{client})
	defer r.close()
	r.open()
	r.run(ctx)
	p := r.all[0]
	p.flight.end(now())
	c := Control{link, target, p.flight.sent, p.flight.received}
	if err := cmp.Or(r.broken, p.err, p.sendErr); err != nil && c.Received == 0 {
		return c, fmt.Errorf("ping over %s: %w", link, err)
	}
	return c, nil
}
