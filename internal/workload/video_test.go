package workload

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
)

// network is a listener in memory, so that everything goes in virtual time. Its
// rate is that of each connection, to the client.
type network struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	rate  atomic.Int64 // bit/s; 0: no limit
	dials atomic.Int64
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { n.once.Do(func() { close(n.done) }); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	n.dials.Add(1)
	near, far := net.Pipe()
	select {
	case n.conns <- &slowConn{far, n}:
		return near, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

type slowConn struct {
	net.Conn
	n *network
}

func (c *slowConn) Write(p []byte) (int, error) {
	if rate := c.n.rate.Load(); rate > 0 {
		time.Sleep(time.Duration(8 * float64(len(p)) / float64(rate) * 1e9))
	}
	return c.Conn.Write(p)
}

// served calls do in virtual time, with a server.
func served(t *testing.T, rate int64, serve http.HandlerFunc, do func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{conns: make(chan net.Conn), done: make(chan struct{})}
		n.rate.Store(rate)
		server := &http.Server{Handler: serve}
		go server.Serve(n)
		do(t, n)
		server.Close()
		time.Sleep(time.Minute) // for what is under way in slowConn
	})
}

// watched plays a video for 30 s.
func watched(t *testing.T, v Video, rate int64, serve http.HandlerFunc, look func(t *testing.T, r Result, n *network)) {
	t.Helper()
	if v.URL == "" {
		v.URL = "http://video.test/master.m3u8"
	}
	if v.Startup == 0 {
		v.Startup = 5 * time.Second
	}
	v.Duration = 30 * time.Second
	served(t, rate, serve, func(t *testing.T, n *network) {
		look(t, Run(t.Context(), []Job{{Client: Client{Name: "ns1", Dial: n.dial}, Work: v}}, Schedule{}).Clients[0], n)
	})
}

// reason looks for why a video failed.
func reason(want string) func(t *testing.T, r Result, n *network) {
	return func(t *testing.T, r Result, _ *network) {
		t.Helper()
		if r.Reason != want {
			t.Errorf("%q, want %q", r.Reason, want)
		}
	}
}

const master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2000000\nhigh/list.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=500000\nlow/list.m3u8\n"

// media is a playlist of n segments of 2 s, from a number on.
func media(from, n int, more ...string) string {
	text := "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:" + strconv.Itoa(from) + "\n"
	for i := range n {
		text += fmt.Sprintf("#EXTINF:2.000,\n%d.ts\n", from+i)
	}
	return text + strings.Join(more, "\n")
}

// video serves 20 s in 500 kbit/s and 2 Mbit/s.
func video(w http.ResponseWriter, r *http.Request) {
	switch dir, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); {
	case dir == "master.m3u8":
		io.WriteString(w, master)
	case file == "list.m3u8":
		io.WriteString(w, media(0, 10, "#EXT-X-ENDLIST"))
	default:
		send(w, map[string]int{"low": 500_000, "high": 2_000_000}[dir])
	}
}

// send sends 2 s of so many bit/s.
func send(w http.ResponseWriter, bits int) {
	w.Header().Set("Content-Length", strconv.Itoa(bits/4))
	w.Write(make([]byte, bits/4))
}

// live serves 2 s more every 2 s, by a clock of its own.
func live(clock func(now time.Duration) time.Duration, window int) http.HandlerFunc {
	var start time.Time
	var once sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { start = time.Now() })
		first := int(clock(time.Since(start)) / (2 * time.Second))
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			io.WriteString(w, media(first, window))
			return
		}
		if n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".ts")); n < first {
			http.NotFound(w, r)
			return
		}
		send(w, 500_000)
	}
}

func TestAVideoIsPlayedInTheQualityThatTheLineBears(t *testing.T) {
	for name, tt := range map[string]struct {
		rate           int64
		bitrate        float64
		failure        string
		stalled, moved float64 // seconds; MB at least
		switches       float64
	}{
		"fast":                        {20_000_000, 2e6, "", 0, 10, 1},
		"too slow for the best":       {1_000_000, 5e5, "", 0, 2.5, 0},
		"too slow for any":            {400_000, 5e5, "stalled 5.0 s of 30 s (16.7 %), 10 times", 5, 1, 0},
		"so slow that nothing begins": {90_000, 0, "did not start within 5s: segment 0 did not come", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			watched(t, Video{MaxStall: 0.01}, tt.rate, video, func(t *testing.T, r Result, n *network) {
				if r.Reason != tt.failure && !(tt.stalled > 0 && strings.HasPrefix(r.Reason, "stalled ")) {
					t.Errorf("%q, want %q", r.Reason, tt.failure)
				}
				if stalled := r.Sums["stalled seconds"]; stalled < tt.stalled || tt.stalled == 0 && stalled > 0 {
					t.Errorf("stalled for %g s", stalled)
				}
				if all := r.Sums["stalled seconds"] + r.Sums["played seconds"]; tt.bitrate > 0 && (all < 29.99 || all > 30.01) {
					t.Errorf("lasted %g s", all)
				}
				if float64(r.Bytes) < tt.moved*1e6 || r.Sums["switches"] != tt.switches {
					t.Errorf("%s, %g switches", Size(r.Bytes), r.Sums["switches"])
				}
				if n.dials.Load() != 1 {
					t.Errorf("%d connections", n.dials.Load())
				}
				if tt.bitrate == 0 {
					return
				}
				lines := r.Lines["bitrate"].Values()
				if last := lines[len(lines)-1]; last != tt.bitrate {
					t.Errorf("%g bit/s at the end", last)
				}
				if r.Times["start-up"].Count() != 1 {
					t.Error("the start-up is not told")
				}
			})
		})
	}
}

// Who is told to stop has seen what he has seen, unless it was but a glance.
func TestAVideoThatIsCutShortIsJudgedByWhatWasSeen(t *testing.T) {
	for seconds, stalls := range map[int]bool{4: false, 20: true} {
		served(t, 400_000, video, func(t *testing.T, n *network) {
			v := Video{URL: "http://video.test/master.m3u8", Duration: time.Minute, Startup: 5 * time.Second, MaxStall: 0.01}
			r := Run(t.Context(), []Job{{Client: Client{Name: "ns1", Dial: n.dial}, Work: v}}, Schedule{For: time.Duration(seconds) * time.Second}).Clients[0]
			if strings.HasPrefix(r.Reason, "stalled ") != stalls || r.Operations != 0 {
				t.Errorf("after %d s: %q", seconds, r.Reason)
			}
		})
	}
}

func TestAPlayerFetchesAheadAndNoFurther(t *testing.T) {
	watched(t, Video{Buffer: 6 * time.Second}, 0, video, func(t *testing.T, r Result, _ *network) {
		if most := int64((30 + 6 + 2 + 2) / 2 * 500_000); r.Reason != "" || r.Bytes > most {
			t.Errorf("%q, %s", r.Reason, Size(r.Bytes))
		}
	})
}

func TestRangesOfBytes(t *testing.T) {
	text := strings.ReplaceAll(rangesText, "all.mp4", "/all.mp4")
	serve := func(answer func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/all.mp4" {
				answer(w, r)
				return
			}
			io.WriteString(w, text)
		}
	}
	var mu sync.Mutex
	asked := map[string]int{}
	good := serve(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Header.Get("Range")]++
		mu.Unlock()
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat("x", 2000)))
	})
	watched(t, Video{}, 0, good, func(t *testing.T, r Result, _ *network) {
		mu.Lock()
		defer mu.Unlock()
		if r.Reason != "" || asked["bytes=0-99"] != 1 || asked["bytes=100-1099"] < 4 || asked["bytes=1100-1999"] < 4 {
			t.Errorf("%q, asked for %v", r.Reason, asked)
		}
	})
	whole := serve(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2000)) })
	watched(t, Video{}, 0, whole, reason("did not start: beginning of segment 7: the server was asked for a range of bytes and says 200 OK"))
	short := serve(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusPartialContent)
		w.Write(make([]byte, 50))
	})
	watched(t, Video{}, 0, short, reason("did not start: beginning of segment 7: the server was asked for 100 bytes and sent 50 bytes"))
}

func TestALiveVideo(t *testing.T) {
	steady := func(now time.Duration) time.Duration { return now }
	watched(t, Video{URL: "http://video.test/list.m3u8"}, 2_000_000, live(steady, 6), func(t *testing.T, r Result, _ *network) {
		if r.Reason != "" || r.Sums["skipped"] != 0 || r.Sums["stalled seconds"] != 0 || r.Bytes > 18*130_000 {
			t.Errorf("%q, %s, %v", r.Reason, Size(r.Bytes), r.Sums)
		}
	})
	stops := func(now time.Duration) time.Duration { return min(now, 9*time.Second) }
	watched(t, Video{URL: "http://video.test/list.m3u8"}, 2_000_000, live(stops, 6), func(t *testing.T, r Result, _ *network) {
		if !strings.HasPrefix(r.Reason, "stalled 1") || !strings.HasSuffix(r.Reason, ", once; the live playlist has nothing new") {
			t.Errorf("%q, %v", r.Reason, r.Sums)
		}
	})
	jumps := func(now time.Duration) time.Duration {
		if now > 9*time.Second {
			now += 20 * time.Second
		}
		return now
	}
	watched(t, Video{URL: "http://video.test/list.m3u8"}, 2_000_000, live(jumps, 6), func(t *testing.T, r Result, _ *network) {
		if skipped := r.Sums["skipped"]; r.Reason != "" || skipped < 4 || skipped > 12 {
			t.Errorf("%q, %v", r.Reason, r.Sums)
		}
	})
}

func TestWhatFailsIsAskedForAgain(t *testing.T) {
	var asked int
	watched(t, Video{}, 0, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked%3 != 0 { // two of three fail
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		video(w, r)
	}, reason("did not start within 5s: segment 0: the server says 503 Service Unavailable"))
	asked = 0
	watched(t, Video{Startup: time.Minute, MaxStall: 1}, 0, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked%3 != 0 {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		video(w, r)
	}, reason(""))
}

func TestServersThatLie(t *testing.T) {
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	segments := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".ts") {
				answer(w, r)
				return
			}
			video(w, r)
		}
	}
	for name, tt := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"a page":                   {page("<!DOCTYPE html>\n<html>"), `did not start: playlist: is no HLS playlist: it begins with "<!DOCTYPE html>"`},
		"nothing there":            {http.NotFound, "did not start: playlist: the server says 404 Not Found"},
		"variants that have some":  {page(master), "did not start: playlist of the variant of 0.5 Mbit/s: has variants again"},
		"a redirect in a loop":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "did not start: playlist: stopped after 10 redirects"},
		"an endless playlist":      {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "#EXTM3U\n"); endless(w, r) }, "did not start: playlist: has more than 1048576 bytes"},
		"something endless":        {endless, `did not start: playlist: is no HLS playlist: it begins with "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`},
		"a silent server":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not start within 5s: playlist did not come"},
		"an endless header":        {func(w http.ResponseWriter, r *http.Request) { w.Header().Set("A", strings.Repeat("x", 1<<20)) }, "did not start: playlist: net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted"},
		"a playlist cut off":       {cut("#EXTM3U\n#EXT-X-TAR"), "did not start: playlist: broke off after 18 bytes: unexpected EOF"},
		"a segment cut off":        {segments(cut("abc")), "did not start: segment 0: the server ended it after 3 bytes of 100 bytes"},
		"a segment that is empty":  {segments(func(http.ResponseWriter, *http.Request) {}), "did not start: segment 0: is empty"},
		"a segment without end":    {segments(endless), "did not start within 5s: segment 0 did not come"},
		"segment 4 is not there":   {segments(func(w http.ResponseWriter, r *http.Request) { missing(w, r, "4.ts") }), "segment 4: the server says 404 Not Found"},
		"an address of another OS": {page(media(0, 1, "#EXTINF:1\nfile:///etc/passwd\n#EXT-X-ENDLIST")), `segment 1: unsupported protocol scheme "file"`},
	} {
		t.Run(name, func(t *testing.T) {
			rate := int64(0)
			if name == "a segment without end" {
				rate = 1e6
			}
			watched(t, Video{MaxStall: 1}, rate, tt.serve, reason(tt.want))
		})
	}
}

func missing(w http.ResponseWriter, r *http.Request, file string) {
	if strings.HasSuffix(r.URL.Path, "/"+file) {
		http.NotFound(w, r)
		return
	}
	video(w, r)
}

// cut promises 100 bytes and sends some.
func cut(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, text)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	block := []byte(strings.Repeat("x", 32<<10))
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestAVideoEndsWithWhatItIsPartOf(t *testing.T) {
	served(t, 1_000_000, video, func(t *testing.T, n *network) {
		start, why := time.Now(), errors.New("the client is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(9*time.Second, func() { cancel(why) })
		v := Video{URL: "http://video.test/master.m3u8", Duration: time.Minute, Startup: 5 * time.Second}
		r := Run(ctx, []Job{{Client: Client{Dial: n.dial}, Work: v}}, Schedule{}).Clients[0]
		if time.Since(start) != 9*time.Second || r.Unfinished != "cut short: the client is gone" || r.Sums["played seconds"] < 7 {
			t.Errorf("%q after %s, %v", r.Unfinished, time.Since(start), r.Sums)
		}
	})
}

// Over TCP the kernel throws the segments away, and each connection is used again.
func TestAVideoOverTCP(t *testing.T) {
	if lo, err := netlink.LinkByName("lo"); err == nil { // down in a network of its own
		_ = netlink.LinkSetUp(lo)
	}
	for name, start := range map[string]func(*httptest.Server){
		"HTTP":   (*httptest.Server).Start,
		"HTTPS":  (*httptest.Server).StartTLS,
		"HTTP/2": func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			var sent, conns atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				video(countingWriter{w, &sent}, r)
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Add(1)
				}
			}
			start(server)
			defer server.Close()
			roots := x509.NewCertPool()
			if cert := server.Certificate(); cert != nil {
				roots.AddCert(cert)
			}
			c := Client{Dial: (&net.Dialer{}).DialContext, Roots: roots}
			v := Video{URL: server.URL + "/master.m3u8", Duration: time.Second, Startup: time.Minute, Buffer: 10 * time.Second}
			r := Run(t.Context(), []Job{{Client: c, Work: v}}, Schedule{}).Clients[0]
			if r.Reason != "" || r.Bytes > sent.Load() || r.Bytes < 125_000 || conns.Load() != 1 {
				t.Errorf("%q, %d bytes of %d, %d connections", r.Reason, r.Bytes, sent.Load(), conns.Load())
			}
		})
	}
}

// countingWriter counts the content that is sent.
type countingWriter struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c countingWriter) Write(p []byte) (int, error) {
	c.sent.Add(int64(len(p))) // before it is read
	return c.ResponseWriter.Write(p)
}

func (c countingWriter) WriteString(s string) (int, error) { return c.Write([]byte(s)) }
