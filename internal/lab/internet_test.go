package lab_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// browser is a client's, with HTTP/2, that trusts the CA.
func browser(t *testing.T, c *netmgr.Client, ca *x509.Certificate) *http.Client {
	t.Helper()
	trusted := x509.NewCertPool()
	if ca != nil {
		trusted.AddCert(ca)
	}
	transport := &http.Transport{DialContext: c.DialContext, TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// reply is what came of a request; the body is read to its end.
type reply struct {
	*http.Response
	length int64
	sum    [sha256.Size]byte
	text   string // of a body that is short
}

func does(t *testing.T, b *http.Client, method, url string, body io.Reader, header ...string) (r reply) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if r.Response, err = b.Do(req); err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer r.Body.Close()
	sum, text := sha256.New(), &bytes.Buffer{}
	r.length, err = io.Copy(sum, io.TeeReader(r.Body, &head{text}))
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
	r.sum, r.text = [sha256.Size]byte(sum.Sum(nil)), text.String()
	return r
}

// head keeps the first 64 KB that are written to it.
type head struct{ *bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	_, err := h.Buffer.Write(p[:min(len(p), 64<<10-h.Len())])
	return len(p), err
}

func TestFilesAreTheSameByAllWays(t *testing.T) {
	l := startLab(t, ordinary())
	b := browser(t, newClient(t, l), l.CA())
	for _, tt := range []struct {
		file string
		want int64
	}{{"1KB.zip", 1000}, {"20MB.zip", 20_000_000}} {
		plain := does(t, b, "GET", "http://download.example.test/"+tt.file, nil)
		secure := does(t, b, "GET", "https://download.example.test/"+tt.file, nil)
		for _, r := range []reply{plain, secure} {
			if r.StatusCode != 200 || r.ContentLength != tt.want || r.length != tt.want || r.sum != plain.sum {
				t.Errorf("%s: %s, %d of %d bytes, want %d, with sum %x", r.Request.URL, r.Status, r.length, r.ContentLength, tt.want, r.sum)
			}
		}
		if plain.ProtoMajor != 1 || secure.ProtoMajor != 2 {
			t.Errorf("by HTTP/%d and HTTP/%d", plain.ProtoMajor, secure.ProtoMajor)
		}
	}
	huge := does(t, b, "HEAD", "http://198.51.100.80/100GB.zip", nil)
	if huge.StatusCode != 200 || huge.ContentLength != 100e9 || huge.length != 0 {
		t.Errorf("HEAD: %s, %d bytes announced, %d sent", huge.Status, huge.ContentLength, huge.length)
	}
	// What is over the end of the block, and far behind it, is the block again.
	start := does(t, b, "GET", "http://198.51.100.80/1GB.zip", nil, "Range", "bytes=1048570-1048585")
	later := does(t, b, "GET", "https://198.51.100.80/1GB.zip", nil, "Range", "bytes=524287994-524288009")
	if start.StatusCode != 206 || start.length != 16 || start.text != later.text {
		t.Errorf("%s: %q, and later %q", start.Status, start.text, later.text)
	}
}

func TestWhatTheWebServerHasNot(t *testing.T) {
	l := startLab(t, ordinary())
	b := browser(t, newClient(t, l), l.CA())
	for _, path := range []string{
		"0MB.zip", "-1MB.zip", "1.5MB.zip", "007MB.zip", "99999999GB.zip", "101GB.zip", "99999999999999999999KB.zip", "MB.zip", "1MB.zip.zip", "1mb.zip", "1TB.zip", "upload",
		"films/master.m3u8", "vod/other.m3u8", "vod/low-300.ts", "vod/low--1.ts", "vod/low.ts", "vod-ranges/low-1.ts", "vod/a/b/master.m3u8", "live/low-999999999.ts", "live/low.ts",
	} {
		if r := does(t, b, "GET", "http://198.51.100.80/"+path, nil); r.StatusCode != 404 {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

func TestUploadsAreCounted(t *testing.T) {
	l := startLab(t, ordinary())
	b := browser(t, newClient(t, l), l.CA())
	for _, url := range []string{"http://198.51.100.80/upload", "https://download.example.test/upload"} {
		for method, size := range map[string]int64{"POST": 20_000_001, "PUT": 0} {
			// A reader of unknown length is sent in chunks.
			if r := does(t, b, method, url, io.LimitReader(zeros{}, size)); r.StatusCode != 200 || r.text != fmt.Sprintln(size) {
				t.Errorf("%s %s: %s: %q, want %d", method, url, r.Status, r.text, size)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestTheCAIsKnownToOthersWhileTheLabStands(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	run, err := journal.Begin("test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.End() }()
	opts := ordinary()
	opts.Journal = run
	l, err := lab.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := newClient(t, l)
	ca, err := lab.CAOf(l.Parent)
	if err != nil || !ca.Equal(l.CA()) {
		t.Fatalf("the CA is read as %v, %v", ca, err)
	}
	if r := does(t, browser(t, c, ca), "GET", "https://www.example.test/", nil); r.StatusCode != 200 {
		t.Errorf("https: %s", r.Status)
	}
	if _, err := browser(t, c, nil).Get("https://example.test/"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the CA: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if ca, err := lab.CAOf(l.Parent); ca != nil || err != nil {
		t.Errorf("after its end: %v, %v", ca, err)
	}
}

var (
	variant = regexp.MustCompile(`#EXT-X-STREAM-INF:BANDWIDTH=(\d+),.*\n(.*)\n`)
	segment = regexp.MustCompile(`#EXTINF:(.*),\n(?:#EXT-X-BYTERANGE:(\d+)@(\d+)\n)?(.*)\n`)
	number  = regexp.MustCompile(`#EXT-X-MEDIA-SEQUENCE:(\d+)\n`)
)

func TestVideosAreAsTheirPlaylistsSay(t *testing.T) {
	l := startLab(t, ordinary())
	b := browser(t, newClient(t, l), l.CA())
	for folder, segments := range map[string]int{"vod": 300, "vod-ranges": 300, "live": 6, "vod/a": 300, "live/b": 6} {
		base := "http://video.example.test/" + folder + "/"
		variants := variant.FindAllStringSubmatch(does(t, b, "GET", base+"master.m3u8", nil).text, -1)
		if len(variants) != 3 {
			t.Errorf("%s: variants %q", folder, variants)
		}
		for _, v := range variants {
			list := does(t, b, "GET", base+v[2], nil).text
			parts := segment.FindAllStringSubmatch(list, -1)
			if len(parts) != segments || strings.Contains(list, "#EXT-X-ENDLIST") != (segments == 300) {
				t.Errorf("%s%s has %d segments:\n%s", base, v[2], len(parts), list)
				continue
			}
			last := parts[len(parts)-1]
			var header []string
			if last[2] != "" {
				length, offset := toInt(t, last[2]), toInt(t, last[3])
				header = []string{"Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)}
			}
			seconds, err := strconv.ParseFloat(last[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			r := does(t, b, "GET", base+last[4], nil, header...)
			if bandwidth := toInt(t, v[1]); r.StatusCode/100 != 2 || float64(r.length*8) != float64(bandwidth)*seconds {
				t.Errorf("%s%s: %s, %d bytes for %v s, of a bandwidth of %d", base, last[4], r.Status, r.length, seconds, bandwidth)
			}
		}
	}
}

func toInt(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestALiveVideoGoesOn(t *testing.T) {
	t.Parallel()
	l := startLab(t, ordinary())
	b := browser(t, newClient(t, l), l.CA())
	const base = "http://video.example.test/live/"
	sequence := func() int64 {
		list := does(t, b, "GET", base+"low.m3u8", nil).text
		first := toInt(t, number.FindStringSubmatch(list)[1])
		if want := fmt.Sprintf(",\nlow-%d.ts\n", first); !strings.Contains(list, want) {
			t.Errorf("the first segment is not %d:\n%s", first, list)
		}
		return first
	}
	status := func(n int64) int {
		return does(t, b, "GET", fmt.Sprint(base, "low-", n, ".ts"), nil).StatusCode
	}
	began := sequence()
	if got := status(began); got != 200 {
		t.Errorf("the first segment: status %d", got)
	}
	eventually(t, "the window has moved", func() bool { return sequence() >= began+2 })
	eventually(t, "the first segment is gone", func() bool { return status(began) == 404 })
	// A segment that is not shown any more stays for as long as a playlist (§6.2.2).
	if moved := sequence() - began; moved < 6 {
		t.Errorf("it is gone when the window has moved by %d", moved)
	}
}
