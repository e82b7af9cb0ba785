package workload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Content passes through here. What is read into drain is thrown away by the
// kernel, and what is sent is all of supply, so all clients share both.
var (
	drain  [1 << 20]byte
	supply [1 << 18]byte
)

// transport speaks HTTP from the client, over a new connection for each request,
// as what a connection takes is part of what is measured.
func transport(c *Client, m *Meter) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, c, network, address)
			if err != nil {
				return nil, err
			}
			m.opened(1)
			return &tcp{Conn: conn, raw: rawOf(conn), m: m}, nil
		},
		TLSClientConfig:        &tls.Config{RootCAs: c.Roots},
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
		DisableCompression:     true, // lengths are those of the content
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// dial tries twice when the gateway's address was not resolved in time: of a
// thousand clients that begin at once some are too late, by the fault of this
// machine.
func dial(ctx context.Context, c *Client, network, address string) (net.Conn, error) {
	conn, err := c.Dial(ctx, network, address)
	if errors.Is(err, unix.EHOSTUNREACH) {
		conn, err = c.Dial(ctx, network, address)
	}
	return conn, err
}

// tcp is a connection that leaves content to the kernel.
type tcp struct {
	net.Conn
	raw  syscall.RawConn // nil: it is no TCP connection of this machine
	m    *Meter
	once sync.Once
}

func rawOf(c net.Conn) syscall.RawConn {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// Read throws away what is meant for drain (MSG_TRUNC, tcp(7)).
func (c *tcp) Read(p []byte) (n int, err error) {
	if c.raw == nil || len(p) == 0 || unsafe.SliceData(p) != &drain[0] {
		return c.Conn.Read(p)
	}
	var no unix.Errno
	err = c.raw.Read(func(fd uintptr) bool {
		var r uintptr
		r, _, no = unix.Syscall6(unix.SYS_RECVFROM, fd, 0, uintptr(len(p)), unix.MSG_TRUNC, 0, 0)
		n = int(r)
		return no != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case no != 0:
		return 0, fmt.Errorf("read: %w", no)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// ReadFrom is what net/http sends the content of a request by.
func (c *tcp) ReadFrom(r io.Reader) (sent int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	var body *content
	if ok {
		body, ok = limited.R.(*content)
	}
	if !ok {
		return io.Copy(struct{ io.Writer }{c.Conn}, r)
	}
	for limited.N > 0 && body.left > 0 && err == nil {
		var n int
		n, err = c.Write(supply[:min(limited.N, body.left, int64(len(supply)))])
		c.m.Count(n)
		sent, limited.N, body.left = sent+int64(n), limited.N-int64(n), body.left-int64(n)
	}
	return sent, err
}

// Close keeps what the kernel knows of the connection.
func (c *tcp) Close() error {
	c.once.Do(func() {
		defer c.m.opened(-1)
		if c.raw == nil {
			return
		}
		_ = c.raw.Control(func(fd uintptr) {
			if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				c.m.Sum("sent again", float64(info.Total_retrans))
				c.m.Time("RTT", time.Duration(max(info.Rtt, info.Rcv_rtt))*time.Microsecond)
			}
		})
	})
	return c.Conn.Close()
}

// request is one to be sent.
type request struct {
	method, url string
	header      http.Header
	body        io.Reader
	length      int64 // of body
}

// exchange sends a request and has read take the content of the answer.
func exchange(ctx context.Context, t *http.Transport, m *Meter, r request, read func(*http.Response) error) error {
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, traced(m)), r.method, r.url, r.body)
	if err != nil {
		return because(ctx, err)
	}
	maps.Copy(req.Header, r.header)
	req.ContentLength = r.length
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return because(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the server says %s", resp.Status)
	}
	return read(resp)
}

// traced tells m how long the parts of a request took.
func traced(m *Meter) *httptrace.ClientTrace {
	var mu sync.Mutex
	began := map[string]time.Time{"first byte": time.Now()}
	begin := func(part string) {
		mu.Lock()
		defer mu.Unlock()
		began[part] = time.Now()
	}
	end := func(part string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if start, ok := began[part]; ok && err == nil {
			m.Time(part, time.Since(start))
		}
	}
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { begin("DNS") },
		DNSDone:              func(i httptrace.DNSDoneInfo) { end("DNS", i.Err) },
		ConnectStart:         func(string, string) { begin("connect") },
		ConnectDone:          func(_, _ string, err error) { end("connect", err) },
		TLSHandshakeStart:    func() { begin("TLS") },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { end("TLS", err) },
		GotFirstResponseByte: func() { end("first byte", nil) },
	}
}

// because is why err came about: what ended ctx, if something did, and otherwise
// err without the method and address that net/http puts in front.
func because(ctx context.Context, err error) error {
	var u *url.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// Size is a number of bytes in words.
func Size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.4g GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.4g MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.4g KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
