package steps

import (
	"context"
	"fmt"
	"time"

	"github.com/lanstorm/lanstorm/internal/icmp"
)

// pace is how far the pings of a client are apart, and says so when that is
// further than ping.interval: beyond the router all clients together send no more
// than ping.internet_rate.
func (w *world) pace(whom target, clients int) (interval time.Duration, why string) {
	p := w.config().Ping
	least := time.Duration(clients) * time.Second / time.Duration(p.InternetRate)
	if base, _ := whom.base(); base != toInternet || least <= p.Interval {
		return p.Interval, ""
	}
	return least, fmt.Sprintf(", %s apart, for all clients together send %d per second at most (ping.internet_rate)", least, p.InternetRate)
}

// beside runs do, which pings whom, and returns what this machine saw of the same
// target meanwhile over targets.control, if there is such a link.
func (w *world) beside(ctx context.Context, whom target, do func()) string {
	t, p := w.config().Targets, w.config().Ping
	base, six := whom.base()
	if base != toInternet || t.Control == "" {
		do()
		return ""
	}
	host := t.GoogleDNS
	if six {
		host = t.GoogleDNS6
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan string, 1)
	go func() {
		control, err := icmp.PingOver(ctx, t.Control, host, p.Interval, p.Timeout)
		if err != nil {
			told <- "tester: " + err.Error()
			return
		}
		told <- control.String()
	}()
	do()
	stop()
	return <-told
}
