package steps

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

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

func (w *world) fetch(ctx context.Context, url string) error {
	return w.each(ctx, "could not fetch "+url, func(ctx context.Context, c *netmgr.Client) error {
		return fetch(ctx, c.HTTPClient(), url)
	})
}

// each is a verdict on what every client does, all at once.
func (w *world) each(ctx context.Context, what string, do func(context.Context, *netmgr.Client) error) error {
	return w.judging(what, func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) { return m.Each(ctx, do), nil })
}

// fetchTime is how long a page may take: a lost connection would take minutes
// to be noticed.
const fetchTime = 30 * time.Second

// fetch reads a page to its end.
func fetch(ctx context.Context, client *http.Client, url string) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTime, fmt.Errorf("%s was not there whole within %s", url, fetchTime))
	defer cancel()
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return fmt.Errorf("broke off after %d bytes: %w", n, err)
	}
	return nil
}
