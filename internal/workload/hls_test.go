package workload

import (
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var videoBase = &url.URL{Scheme: "http", Host: "video.test", Path: "/a/list.m3u8"}

const (
	masterText = "#EXTM3U\n# a comment\n" +
		"#EXT-X-STREAM-INF:CODECS=\"avc1,mp4a\",BANDWIDTH=3000000,RESOLUTION=1x1\nhigh.m3u8\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=500000\r\nlow.m3u8\r\n"
	rangesText = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n" +
		"#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"100@0\"\n" +
		"#EXTINF:4.0,a title, with a comma\n#EXT-X-BYTERANGE:1000@100\nall.mp4\n" +
		"#EXT-X-DISCONTINUITY\n#EXTINF:3.5\n#EXT-X-BYTERANGE:900\nall.mp4\n\n#EXT-X-ENDLIST\n"
)

func TestPlaylists(t *testing.T) {
	init := &part{"all.mp4", 0, 100}
	for name, tt := range map[string]struct {
		text string
		want playlist
	}{
		"a master, from low to high": {masterText, playlist{variants: []variant{{500000, "low.m3u8"}, {3000000, "high.m3u8"}}}},
		"ranges of bytes": {rangesText, playlist{target: 4 * time.Second, sequence: 7, ended: true, segments: []segment{
			{part{"all.mp4", 100, 1000}, 4 * time.Second, init},
			{part{"all.mp4", 1100, 900}, 3500 * time.Millisecond, init},
		}}},
		"live, and nothing there yet": {"#EXTM3U\n#EXT-X-TARGETDURATION:2", playlist{target: 2 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePlaylist(tt.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(playlist{}, variant{}, segment{}, part{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadPlaylists(t *testing.T) {
	const media = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":                   {"", `is no HLS playlist: it begins with ""`},
		"a page":                  {"<!DOCTYPE html>\n<html>", `is no HLS playlist: it begins with "<!DOCTYPE html>"`},
		"too long":                {"#EXTM3U\n" + strings.Repeat("#\n", maxPlaylist/2), "has more than 1048576 bytes"},
		"no variant":              {"#EXTM3U\n", "has neither variants nor segments"},
		"no bandwidth":            {"#EXTM3U\n#EXT-X-STREAM-INF:A=1\nx", `line 2: EXT-X-STREAM-INF: "" is no number`},
		"bandwidth 0":             {"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=0\nx", `line 3: "x" has neither EXTINF nor EXT-X-STREAM-INF with a BANDWIDTH before it`},
		"a quotation without end": {"#EXTM3U\n#EXT-X-STREAM-INF:A=\"1,BANDWIDTH=2\nx", `line 2: EXT-X-STREAM-INF: "" is no number`},
		"both kinds":              {media + "#EXT-X-STREAM-INF:BANDWIDTH=1\nx", "is a master and a media playlist at once"},
		"no target duration":      {"#EXTM3U\n#EXTINF:1,\nx", "has no EXT-X-TARGETDURATION"},
		"whole, without segments": {media + "#EXT-X-ENDLIST", "has no segments"},
		"cut off":                 {media + "#EXTINF:4,\n", "is cut off: its last entry has no address"},
		"duration 0":              {media + "#EXTINF:0,\nx", `line 3: EXTINF: "0" is no duration from 1ms to 1h0m0s`},
		"duration NaN":            {media + "#EXTINF:NaN,\nx", `line 3: EXTINF: "NaN" is no duration from 1ms to 1h0m0s`},
		"duration without end":    {media + "#EXTINF:1e99,\nx", `line 3: EXTINF: "1e99" is no duration from 1ms to 1h0m0s`},
		"no duration":             {media + "x", `line 3: "x" has neither EXTINF nor EXT-X-STREAM-INF with a BANDWIDTH before it`},
		"a range that overflows":  {media + "#EXTINF:1,\n#EXT-X-BYTERANGE:4611686018427387904@1\nx", `line 4: EXT-X-BYTERANGE: "4611686018427387904" is no number`},
		"a range of nothing":      {media + "#EXTINF:1,\n#EXT-X-BYTERANGE:0@1\nx", "line 4: EXT-X-BYTERANGE: is a range of no bytes"},
		"a range after nothing":   {media + "#EXTINF:1,\n#EXT-X-BYTERANGE:9\nx", "line 5: EXT-X-BYTERANGE has no offset, and no range before it"},
		"no address":              {media + "#EXTINF:1,\nhttp://[", `line 4: "http://[" is no address`},
		"too many entries":        {media + strings.Repeat("#EXTINF:1,\nx\n", maxEntries+1), "line 20004: more than 10000 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parsePlaylist(tt.text, videoBase); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPlaylistsWithACharacterChangedOrCutOff(t *testing.T) {
	for _, text := range []string{masterText, rangesText} {
		for i := range text {
			parseSafely(t, text[:i])
			for _, c := range []byte("\x00\n\"#,:=@-0 9x\xff") {
				parseSafely(t, text[:i]+string([]byte{c})+text[i+1:])
				parseSafely(t, text[:i]+string([]byte{c})+text[i:])
			}
		}
	}
}

// parseSafely looks whether what a player relies on holds.
func parseSafely(t *testing.T, text string) {
	t.Helper()
	p, err := parsePlaylist(text, videoBase)
	switch {
	case err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 400):
		t.Errorf("the error is not one short line: %q", err)
	case err != nil:
		return
	case len(p.variants) > 0 == (len(p.segments) > 0 || p.target > 0):
		t.Errorf("%q: neither a master nor a media playlist", text)
	case len(p.variants) == 0 && p.ended && len(p.segments) == 0:
		t.Errorf("%q: nothing to play", text)
	}
	for _, s := range p.segments {
		if s.duration <= 0 || s.duration > time.Hour || s.length < 0 || s.offset < 0 || s.offset+s.length < 0 {
			t.Errorf("%q: segment %+v", text, s)
		}
		_ = p.resolve(s.address)
	}
	for _, next := range []int64{-1, 0, p.sequence + 1, 1 << 62} {
		i := p.from(next) - p.sequence
		if len(p.variants) == 0 && (i < 0 || p.ended && i >= int64(len(p.segments))) {
			t.Errorf("%q: goes on with segment %d of %d", text, i, len(p.segments))
		}
	}
}

func FuzzPlaylist(f *testing.F) {
	for _, text := range []string{masterText, rangesText, "<html>", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n"} {
		f.Add(text)
	}
	f.Fuzz(parseSafely)
}

func TestLongPlaylistsTakeLittleMemory(t *testing.T) {
	for name, text := range map[string]string{
		"many attributes": "#EXTM3U\n#EXT-X-STREAM-INF:" + strings.Repeat("A=1,", maxPlaylist/4-10),
		"many maps":       "#EXTM3U\n" + strings.Repeat("#EXT-X-MAP:URI=\"\"\n", maxPlaylist/20),
		"many segments":   "#EXTM3U\n" + strings.Repeat("#EXTINF:1\nx\n", maxPlaylist/13),
		"a long address":  "#EXTM3U\n#EXTINF:1\n" + strings.Repeat("x", maxPlaylist-30),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = parsePlaylist(text, videoBase)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
				t.Errorf("%d bytes", took)
			}
		})
	}
}
