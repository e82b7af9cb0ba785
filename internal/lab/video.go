package lab

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// video is HTTP Live Streaming (RFC 8216): playlists, and segments that have the
// length of video but are no pictures. Under /vod, /vod-ranges and /live there is
// the same in any folder, for clients that are to watch different addresses.
type video struct {
	files
	began time.Time // of what is live
}

// Every segment is so long, a video on demand has so many, a live one shows so many.
const (
	segmentTime = 2 * time.Second
	vodSegments = 300
	liveWindow  = 6
)

// variants are the rates, in bit/s, in which each video is there, by name.
var variants = []struct {
	name, resolution string
	rate             int
}{{"low", "416x234", 400_000}, {"mid", "768x432", 1_200_000}, {"high", "1280x720", 3_500_000}}

// videoFile is a playlist, a segment or, without a number, all segments.
var videoFile = regexp.MustCompile(`^(low|mid|high)(?:(\.m3u8)|(?:-([0-9]{1,9}))?\.ts)$`)

func (v video) serve(w http.ResponseWriter, r *http.Request) {
	kind, file := r.PathValue("kind"), r.PathValue("file")
	first, last := 0, vodSegments // the segments that there are, but for the last
	switch kind {
	case "vod", "vod-ranges":
	case "live":
		last = liveWindow + int(time.Since(v.began)/segmentTime)
		first = last - liveWindow
	default:
		http.NotFound(w, r)
		return
	}
	if file == "master.m3u8" {
		playlist(w, master())
		return
	}
	m := videoFile.FindStringSubmatch(file)
	if m == nil {
		http.NotFound(w, r)
		return
	}
	size := segmentSize(m[1])
	n, err := strconv.Atoi(m[3])
	switch {
	case m[2] != "":
		playlist(w, media(kind, m[1], first, last))
	case err != nil && kind == "vod-ranges":
		v.send(w, r, "video/mp2t", size*vodSegments)
	// A live segment stays as long again as the playlist that had it (§6.2.2).
	case err == nil && kind != "vod-ranges" && n < last && (n >= first || kind == "live" && n >= first-liveWindow-1):
		v.send(w, r, "video/mp2t", size)
	default:
		http.NotFound(w, r)
	}
}

func playlist(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Cache-Control", "no-cache")
	fmt.Fprint(w, text)
}

// segmentSize is how many bytes a segment of a variant has.
func segmentSize(variant string) int64 {
	for _, v := range variants {
		if v.name == variant {
			return int64(v.rate / 8 * int(segmentTime/time.Second))
		}
	}
	return 0
}

func master() string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n")
	for _, v := range variants {
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,RESOLUTION=%s\n%s.m3u8\n", v.rate, v.resolution, v.name)
	}
	return b.String()
}

// media is the playlist of a variant, with the segments from first to before last.
func media(kind, variant string, first, last int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:%d\n", segmentTime/time.Second, first)
	if kind != "live" {
		b.WriteString("#EXT-X-PLAYLIST-TYPE:VOD\n")
	}
	for n := first; n < last; n++ {
		fmt.Fprintf(&b, "#EXTINF:%.3f,\n", segmentTime.Seconds())
		if kind == "vod-ranges" {
			size := segmentSize(variant)
			fmt.Fprintf(&b, "#EXT-X-BYTERANGE:%d@%d\n%s.ts\n", size, int64(n)*size, variant)
		} else {
			fmt.Fprintf(&b, "%s-%d.ts\n", variant, n)
		}
	}
	if kind != "live" {
		b.WriteString("#EXT-X-ENDLIST\n")
	}
	return b.String()
}
