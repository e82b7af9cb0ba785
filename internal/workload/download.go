package workload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lanstorm/lanstorm/internal/guard"
)

// Download gets what is at a URL by HTTP or HTTPS, whole.
type Download struct {
	URL         string
	Connections int           // side by side, each of which gets all of it; 0: one
	Hash        bool          // read the content for its SHA-256, which takes time; otherwise its length alone counts
	Timeout     time.Duration // until it must be there; 0: no end
}

var _ Work = Download{}

// Kind is part of Work.
func (Download) Kind() string { return "download" }

// Do is part of Work.
func (d Download) Do(ctx context.Context, c *Client, m *Meter) error {
	return side(ctx, d.Connections, d.Timeout, func(ctx context.Context) error {
		return exchange(ctx, transport(c, m), m, request{method: http.MethodGet, url: d.URL}, func(resp *http.Response) error { return d.read(ctx, resp, m) })
	})
}

func (d Download) read(ctx context.Context, resp *http.Response, m *Meter) error {
	var sum hash.Hash
	if d.Hash {
		sum = sha256.New()
	}
	if _, err := whole(ctx, resp, m, sum); err != nil {
		return err
	}
	if sum != nil {
		m.hash(hex.EncodeToString(sum.Sum(nil)))
	}
	return nil
}

// whole is read, whose errors say how much came. There must be something.
func whole(ctx context.Context, resp *http.Response, m *Meter, sum hash.Hash) (int64, error) {
	n, err := read(resp, m, sum)
	came := Size(n)
	if resp.ContentLength > 0 {
		came += " of " + Size(resp.ContentLength)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, fmt.Errorf("the server ended it after %s", came)
	case err != nil:
		return n, fmt.Errorf("broke off after %s: %w", came, because(ctx, err))
	case n == 0:
		return n, errors.New("is empty")
	}
	return n, nil
}

// read reads the content to its end. Without a hash nobody looks at it, and where
// its length is known and nothing is encrypted, the kernel throws it away.
func read(resp *http.Response, m *Meter, sum hash.Hash) (got int64, err error) {
	// The first piece may lie in a buffer of net/http: 4 KB, as the last.
	own, large := make([]byte, 4096), drain[:]
	if sum != nil || resp.TLS != nil || resp.ContentLength < 0 {
		large = make([]byte, 32<<10)
	}
	for p := own; ; p = large {
		if left := resp.ContentLength - got; left >= 0 && left < int64(len(own)) {
			p = own
		}
		n, err := resp.Body.Read(p)
		m.Count(n)
		got += int64(n)
		if sum != nil {
			sum.Write(p[:n])
		}
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// side does the same on several connections, within a time.
func side(ctx context.Context, connections int, within time.Duration, do func(context.Context) error) error {
	if within > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, within, fmt.Errorf("not done within %s", within))
		defer cancel()
	}
	g, ctx := errgroup.WithContext(ctx)
	for range max(1, connections) {
		g.Go(func() error { return guard.Do(func() error { return do(ctx) }) })
	}
	return g.Wait()
}
