package workload

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a playlist may have: a player cannot choose who writes it.
const (
	maxPlaylist = 1 << 20 // bytes
	maxEntries  = 10_000  // segments or variants
	maxNumber   = 1 << 62 // so that sums of a number and a count do not overflow
	maxSegment  = time.Hour
)

// playlist is what a player needs of an HLS playlist (RFC 8216): variants, if it
// is a master playlist, or else segments.
type playlist struct {
	base     *url.URL  // addresses are relative to it
	variants []variant // from the lowest bandwidth to the highest
	segments []segment
	target   time.Duration
	sequence int64 // number of the first segment
	ended    bool  // there will not be more segments; false: it is live
}

type variant struct {
	bandwidth int64 // bit/s
	address   string
}

type segment struct {
	part
	duration time.Duration
	init     *part // to be fetched before it; nil: nothing
}

// part is a resource, or length bytes of it if that is not 0.
type part struct {
	address        string
	offset, length int64
}

// parser is a playlist, and what the next address in it will be.
type parser struct {
	playlist
	media    bool // it has a tag that only media playlists have
	next     segment
	variant  variant
	resuming bool // next begins where the segment before it ends
}

// parsePlaylist reads the text of a playlist that was found at base. What it
// keeps is at most some times as long as the text.
func parsePlaylist(text string, base *url.URL) (playlist, error) {
	p := parser{playlist: playlist{base: base}}
	first, rest, _ := strings.Cut(text, "\n")
	switch {
	case text == "":
		return playlist{}, errors.New("is no HLS playlist: it is empty")
	case strings.TrimRight(first, "\r \t") != "#EXTM3U":
		return playlist{}, fmt.Errorf("is no HLS playlist: it begins with %q", first[:min(len(first), 40)])
	case len(text) > maxPlaylist:
		return playlist{}, fmt.Errorf("has more than %d bytes", maxPlaylist)
	}
	number := 1
	for line := range strings.Lines(rest) {
		number++
		if err := p.line(strings.TrimRight(line, "\r\n \t")); err != nil {
			return playlist{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	switch {
	case p.next.duration > 0 || p.variant.bandwidth > 0:
		return playlist{}, errors.New("is cut off: its last entry has no address")
	case len(p.variants) > 0 && (p.media || len(p.segments) > 0):
		return playlist{}, errors.New("is a master and a media playlist at once")
	case len(p.variants) > 0:
		slices.SortStableFunc(p.variants, func(a, b variant) int { return cmp.Compare(a.bandwidth, b.bandwidth) })
	case !p.media:
		return playlist{}, errors.New("has neither variants nor segments")
	case p.target == 0:
		return playlist{}, errors.New("has no EXT-X-TARGETDURATION")
	case p.ended && len(p.segments) == 0:
		return playlist{}, errors.New("has no segments")
	}
	return p.playlist, nil
}

func (p *parser) line(line string) (err error) {
	tag, value, _ := strings.Cut(line, ":")
	switch tag {
	case "#EXTINF":
		p.media = true
		seconds, _, _ := strings.Cut(value, ",")
		p.next.duration, err = parseDuration(seconds)
	case "#EXT-X-BYTERANGE":
		p.resuming, err = p.next.parseRange(value)
	case "#EXT-X-TARGETDURATION":
		p.media = true
		p.target, err = parseDuration(value)
		p.target = max(p.target, time.Second) // it is the pace of requests
	case "#EXT-X-MEDIA-SEQUENCE":
		p.sequence, err = parseNumber(value)
	case "#EXT-X-ENDLIST":
		p.media, p.ended = true, true
	case "#EXT-X-MAP":
		p.next.init, err = parseMap(value)
	case "#EXT-X-STREAM-INF":
		var bandwidth string
		if bandwidth, err = attribute(value, "BANDWIDTH"); err == nil {
			p.variant.bandwidth, err = parseNumber(bandwidth)
		}
		if err == nil && p.variant.bandwidth == 0 {
			err = errors.New("BANDWIDTH is 0")
		}
	default:
		if line != "" && line[0] != '#' {
			return p.address(line)
		}
		return nil // a comment, or a tag that is not needed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(tag, "#"), err)
	}
	return nil
}

// address is what the tags before it were about.
func (p *parser) address(line string) error {
	if _, err := url.Parse(line); err != nil {
		return fmt.Errorf("%.60q is no address", line)
	}
	switch {
	case len(p.segments)+len(p.variants) == maxEntries:
		return fmt.Errorf("more than %d entries", maxEntries)
	case p.variant.bandwidth > 0:
		p.variant.address = line
		p.variants, p.variant = append(p.variants, p.variant), variant{}
		return nil
	case p.next.duration == 0:
		return fmt.Errorf("%.60q stands without EXTINF or EXT-X-STREAM-INF", line)
	}
	p.next.address = line
	if p.resuming {
		var before segment
		if n := len(p.segments); n > 0 {
			before = p.segments[n-1]
		}
		if before.address != line || before.length == 0 {
			return errors.New("EXT-X-BYTERANGE has no offset, and no range before it")
		}
		p.next.offset = before.offset + before.length
		if p.next.offset > maxNumber-p.next.length {
			return errors.New("EXT-X-BYTERANGE is out of range")
		}
	}
	p.segments = append(p.segments, p.next)
	p.next, p.resuming = segment{init: p.next.init}, false
	return nil
}

// parseRange reads <length>[@<offset>]; resuming: there is no offset.
func (p *part) parseRange(s string) (resuming bool, err error) {
	length, offset, given := strings.Cut(s, "@")
	if p.length, err = parseNumber(length); err != nil {
		return false, err
	}
	if given {
		p.offset, err = parseNumber(offset)
	}
	if err == nil && (p.length == 0 || p.offset > maxNumber-p.length) {
		err = fmt.Errorf("%.40q is out of range", s)
	}
	return !given, err
}

func parseMap(list string) (*part, error) {
	address, err := attribute(list, "URI")
	if err != nil {
		return nil, err
	}
	init := &part{address: address}
	if bytes, err := attribute(list, "BYTERANGE"); err == nil {
		if _, err := init.parseRange(bytes); err != nil {
			return nil, err
		}
	}
	_, err = url.Parse(address)
	return init, err
}

// attribute is a value in a list such as A=1,B="x,y" (RFC 8216 §4.2).
func attribute(list, name string) (string, error) {
	for list != "" {
		key, rest, ok := strings.Cut(list, "=")
		if !ok {
			return "", fmt.Errorf("%.40q is no attribute", list)
		}
		var value string
		if quoted, is := strings.CutPrefix(rest, `"`); is {
			if value, rest, ok = strings.Cut(quoted, `"`); !ok || rest != "" && rest[0] != ',' {
				return "", fmt.Errorf("%s: no quotation mark at its end", key)
			}
			list = strings.TrimPrefix(rest, ",")
		} else {
			value, list, _ = strings.Cut(rest, ",")
		}
		if strings.TrimSpace(key) == name {
			return value, nil
		}
	}
	return "", fmt.Errorf("has no %s", name)
}

func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	if err != nil || n > maxNumber {
		return 0, fmt.Errorf("%.40q is no number", s)
	}
	return int64(n), nil
}

func parseDuration(s string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(seconds >= 0.001 && seconds <= maxSegment.Seconds()) { // nor NaN
		return 0, fmt.Errorf("%.40q is no duration from 1ms to %s", s, maxSegment)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// resolve makes an address in the playlist a whole one.
func (p *playlist) resolve(address string) string {
	u, err := p.base.Parse(address)
	if err != nil { // then parsePlaylist had refused it
		return address
	}
	return u.String()
}
