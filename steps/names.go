package steps

import (
	"context"
	"time"

	"github.com/lanstorm/lanstorm/internal/workload"
	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) names() []sentence {
	return []sentence{
		{`each client should resolve "<name>"`, "the DNS servers of each client's lease know an IPv4 address of the name", w.resolve},
		{`each client should fetch "<name>"`, "each client gets the page at this URL by HTTP, status 200, whole, within 30s", w.fetch},
	}
}

func (w *world) resolve(ctx context.Context, name string) error {
	return w.each(ctx, "could not resolve "+name, func(ctx context.Context, c *netmgr.Client) error {
		_, err := c.Resolver().LookupNetIP(ctx, "ip4", name)
		return err
	})
}

func (w *world) fetch(ctx context.Context, page webPage) error {
	url := string(page)
	b := &busy{kind: "page", what: "fetch " + url, work: same(workload.Download{URL: url, Timeout: fetchTime})}
	if err := w.doOnce(ctx, "all clients", b); err != nil {
		return err
	}
	return b.verdict()
}

// each is a verdict on what every client does, all at once.
func (w *world) each(ctx context.Context, what string, do func(context.Context, *netmgr.Client) error) error {
	return w.judging(what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) { return m.Each(ctx, do), nil })
}

// fetchTime is how long a page may take: a lost connection would take minutes
// to be noticed.
const fetchTime = 30 * time.Second
