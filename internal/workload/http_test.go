package workload

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// local is a client of this machine that resolves nothing.
func local(roots *x509.CertPool) Client {
	return Client{Name: "ns1", Dial: (&net.Dialer{}).DialContext, Roots: roots}
}

// once has one client do its work once.
func once(t *testing.T, work Work, roots *x509.CertPool) (Outcome, Result) {
	t.Helper()
	o := Run(t.Context(), []Job{{local(roots), work}}, Schedule{})
	return o, o.Clients[0]
}

// file is n bytes, the same each time.
func file(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

// raw is a server that reads a request and answers with what write says.
func raw(t *testing.T, write func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				write(c)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func TestADownloadCountsEachByte(t *testing.T) {
	for _, tls := range []bool{false, true} {
		for _, hash := range []bool{false, true} {
			for _, n := range []int{1, 4095, 4096, 4097, 100_000, 5_000_000} {
				t.Run(fmt.Sprintf("tls %v, hash %v, %d bytes", tls, hash, n), func(t *testing.T) {
					s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Content-Length", fmt.Sprint(n))
						_, _ = io.WriteString(w, file(n))
					}))
					s.EnableHTTP2 = true
					start := s.Start
					if tls {
						start = s.StartTLS
					}
					start()
					defer s.Close()
					roots := x509.NewCertPool()
					if tls {
						roots.AddCert(s.Certificate())
					}
					o, r := once(t, Download{URL: s.URL, Connections: 2, Hash: hash}, roots)
					if r.Bytes != int64(2*n) || r.Operations != 1 || r.Reason != "" || (r.Hash != "") != hash {
						t.Errorf("%+v", r)
					}
					if r.Times["first byte"].Count() != 2 || o.Times["first byte"].Count() != 2 || r.Times["RTT"].Count() != 2 || tls != (r.Times["TLS"].Count() == 2) {
						t.Errorf("times of %v", r.Times)
					}
				})
			}
		}
	}
}

func TestHashesTellBytesApart(t *testing.T) {
	hashes := map[string]bool{}
	for _, text := range []string{"one", "two"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		defer s.Close()
		_, r := once(t, Download{URL: s.URL, Hash: true}, nil)
		hashes[r.Hash] = true
	}
	if len(hashes) != 2 || hashes[""] {
		t.Errorf("%v", hashes)
	}
}

func TestUploadsAreCountedByWhoTakesThem(t *testing.T) {
	for _, tls := range []bool{false, true} {
		for _, n := range []int64{1, 262_144, 262_145, 3_000_000} {
			var came int64
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { came, _ = io.Copy(io.Discard, r.Body) })
			s := httptest.NewUnstartedServer(h)
			start := s.Start
			if tls {
				start = s.StartTLS
			}
			start()
			roots := x509.NewCertPool()
			if tls {
				roots.AddCert(s.Certificate())
			}
			_, r := once(t, Upload{URL: s.URL, Bytes: n}, roots)
			s.Close()
			if r.Bytes != n || came != n || r.Operations != 1 || r.Reason != "" {
				t.Errorf("tls %v: %d bytes came of %d, and %d are told of: %q", tls, came, n, r.Bytes, r.Reason)
			}
		}
	}
}

// Whatever a server does, there is one line that says what, and an end.
func TestServersThatAreNotToBeTrusted(t *testing.T) {
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }))
	t.Cleanup(loop.Close)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	forever := func(c net.Conn, text string) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct{ url, want string }{
		"nobody":                {"http://" + nobody.Addr().String() + "/", "connection refused"},
		"no such file":          {missing.URL, "the server says 404 Not Found"},
		"redirects in a loop":   {loop.URL, "stopped after 10 redirects"},
		"a bad certificate":     {untrusted.URL, "certificate signed by unknown authority"},
		"nothing":               {raw(t, say("")), "EOF"},
		"no HTTP":               {raw(t, say("220 ready\r\n\r\n")), "malformed HTTP"},
		"an endless header":     {raw(t, func(c net.Conn) { say(ok)(c); forever(c, "X: "+file(1000)+"\r\n") }), "65536 bytes"},
		"less than it promised": {raw(t, say(ok+"Content-Length: 1000000\r\n\r\nabc")), "the server ended it after 3 bytes of 1 MB"},
		"nothing of it":         {raw(t, say(ok+"Content-Length: 5\r\n\r\n")), "the server ended it after 0 bytes of 5 bytes"},
		"an empty file":         {raw(t, say(ok+"Content-Length: 0\r\n\r\n")), "is empty"},
		"a cut chunk":           {raw(t, say(ok+"Transfer-Encoding: chunked\r\n\r\n5\r\nabc")), "the server ended it after 3 bytes"},
		"a length that is none": {raw(t, say(ok+"Content-Length: many\r\n\r\nabc")), "Content-Length"},
		"it never sends":        {raw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }), "not done within 1s"},
		"it stops":              {raw(t, func(c net.Conn) { say(ok + "Content-Length: 100\r\n\r\nabc")(c); _, _ = c.Read(make([]byte, 1)) }), "broke off after 3 bytes of 100 bytes: not done within 1s"},
		"it never ends":         {raw(t, func(c net.Conn) { say(ok + "\r\n")(c); forever(c, file(100)) }), "not done within 1s"},
		"no URL":                {"http://[::1", "missing ']'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := time.Minute
			if strings.Contains(tt.want, "within 1s") {
				timeout = time.Second
			}
			_, r := once(t, Download{URL: tt.url, Timeout: timeout}, nil)
			if !strings.Contains(r.Reason, tt.want) || strings.Contains(r.Reason, "\n") || r.Failures[r.Reason] != 1 || r.Operations != 0 {
				t.Errorf("%q, want %q; %+v", r.Reason, tt.want, r.Failures)
			}
		})
	}
}

func TestMoreThanWasPromisedIsNotCounted(t *testing.T) {
	_, r := once(t, Download{URL: raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef") })}, nil)
	if r.Bytes != 3 || r.Reason != "" {
		t.Errorf("%+v", r)
	}
}

func TestWorkForATimeIsCutShort(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, "abc")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	o := Run(t.Context(), []Job{{local(nil), Download{URL: s.URL}}}, Schedule{For: 3 * time.Second})
	if r := o.Clients[0]; r.Failed() != 0 || r.Operations != 0 || r.Bytes != 3 || r.Unfinished != "" {
		t.Errorf("%+v", r)
	}
	running := Start(t.Context(), []Job{{local(nil), Download{URL: s.URL}}}, Schedule{Times: 1})
	for done, bytes := running.Progress(); bytes < 3; done, bytes = running.Progress() {
		if done > 0 || t.Failed() {
			t.Fatal("nothing came")
		}
		time.Sleep(time.Millisecond)
	}
	if r := running.Stop().Clients[0]; r.Failed() != 0 || r.Unfinished != "" {
		t.Errorf("stopped: %+v", r)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("told to by a signal"))
	if r := Run(ctx, []Job{{local(nil), Download{URL: s.URL}}}, Schedule{}).Clients[0]; r.Unfinished != "cut short: told to by a signal" {
		t.Errorf("interrupted: %+v", r)
	}
}

func TestRates(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	o := Outcome{Start: at, Clients: []Result{
		{Start: at, Took: time.Second, Bytes: 1_000_000, Early: 1_000_000},
		{Start: at, Took: 6 * time.Second, Bytes: 5_000_000, Early: 1_000_000},
	}}
	if r := o.Clients; r[0].Goodput() != 8e6 || r[1].Goodput() != 8e6 || o.Throughput() != 8e6 || o.Without() != " without the first 2s" {
		t.Errorf("%g and %g, together %g%s", r[0].Goodput(), r[1].Goodput(), o.Throughput(), o.Without())
	}
	o.Clients[1].Bytes = 1_000_000
	if s := o.Shares(); s[0] != 2 || s[1] != 0 {
		t.Errorf("shares of %v", s)
	}
}

func TestConnectAndPing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	open := l.Addr().(*net.TCPAddr).Port
	defer l.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	c := local(nil)
	work := Connect{Ports: []int{open, closed.Addr().(*net.TCPAddr).Port}}
	if r := Run(t.Context(), []Job{{c, work}}, Schedule{}).Clients[0]; r.Reason != errNoGateway.Error() {
		t.Errorf("without a gateway: %+v", r)
	}
	c.Gateway = netip.MustParseAddr("127.0.0.1")
	if r := Run(t.Context(), []Job{{c, work}}, Schedule{}).Clients[0]; r.Reason != "" || r.Times["connect"].Count() != 2 {
		t.Errorf("%+v", r)
	}
	c.Ping = func(context.Context, netip.Addr, Ping) (int, string) { return 1, "" }
	if r := Run(t.Context(), []Job{{c, Ping{Count: 3}}}, Schedule{}).Clients[0]; r.Reason != "lost 1 of 3 pings to 127.0.0.1" || r.Sums["lost"] != 1 {
		t.Errorf("%+v", r)
	}
}
