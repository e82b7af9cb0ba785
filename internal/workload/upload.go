package workload

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Upload sends bytes to a URL by HTTP or HTTPS.
type Upload struct {
	URL         string
	Bytes       int64 // on each connection
	Connections int   // side by side; 0: one
	Timeout     time.Duration
}

var _ Work = Upload{}

// Kind is part of Work.
func (Upload) Kind() string { return "upload" }

// Do is part of Work.
func (u Upload) Do(ctx context.Context, c *Client, m *Meter) error {
	return side(ctx, u.Connections, u.Timeout, func(ctx context.Context) error {
		post := request{method: http.MethodPost, url: u.URL, body: &content{u.Bytes, m}, length: u.Bytes}
		return exchange(ctx, transport(c, m), m, post, func(resp *http.Response) error {
			_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
			return err
		})
	})
}

// content is zeros, for whoever does not send supply itself.
type content struct {
	left int64
	m    *Meter
}

func (c *content) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), c.left)], supply[:])
	c.left -= int64(n)
	c.m.Count(n)
	return n, nil
}
