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

// What a playlist may have: it comes from anybody.
const (
	maxPlaylist = 1 << 20 // bytes
	maxEntries  = 10_000  // segments and variants
	maxSegment  = time.Hour
)

// playlist is what a player needs of an HLS playlist (RFC 8216): the variants of a
// master playlist, from the lowest bandwidth to the highest, or else segments.
type playlist struct {
	base     *url.URL // addresses are relative to it
	variants []variant
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

// onward is the offset of a range that begins where the one before it ends.
const onward = -1

// parser is a playlist, and what the tags so far say of the next address.
type parser struct {
	playlist
	segment segment
	variant variant
}

// parsePlaylist reads the text of a playlist that was found at base.
func parsePlaylist(text string, base *url.URL) (playlist, error) {
	p := parser{playlist: playlist{base: base}}
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, "\r \t") != "#EXTM3U" {
		return playlist{}, fmt.Errorf("is no HLS playlist: it begins with %.40q", first)
	}
	if len(text) > maxPlaylist {
		return playlist{}, fmt.Errorf("has more than %d bytes", maxPlaylist)
	}
	number := 1
	for line := range strings.Lines(rest) {
		number++
		if err := p.line(strings.TrimRight(line, "\r\n \t")); err != nil {
			return playlist{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	slices.SortStableFunc(p.variants, func(a, b variant) int { return cmp.Compare(a.bandwidth, b.bandwidth) })
	switch master, media := len(p.variants) > 0, len(p.segments) > 0 || p.target > 0; {
	case p.segment.duration > 0 || p.variant.bandwidth > 0:
		return playlist{}, errors.New("is cut off: its last entry has no address")
	case master && media:
		return playlist{}, errors.New("is a master and a media playlist at once")
	case !master && !media:
		return playlist{}, errors.New("has neither variants nor segments")
	case media && p.target == 0:
		return playlist{}, errors.New("has no EXT-X-TARGETDURATION")
	case media && p.ended && len(p.segments) == 0:
		return playlist{}, errors.New("has no segments")
	}
	return p.playlist, nil
}

func (p *parser) line(line string) (err error) {
	tag, value, _ := strings.Cut(line, ":")
	switch tag {
	case "#EXTINF":
		seconds, _, _ := strings.Cut(value, ",")
		p.segment.duration, err = parseDuration(seconds)
	case "#EXT-X-BYTERANGE":
		err = p.segment.parseRange(value)
	case "#EXT-X-TARGETDURATION":
		p.target, err = parseDuration(value)
		p.target = max(p.target, time.Second) // it is the pace of requests
	case "#EXT-X-MEDIA-SEQUENCE":
		p.sequence, err = parseNumber(value)
	case "#EXT-X-ENDLIST":
		p.ended = true
	case "#EXT-X-MAP":
		p.segment.init, err = parseMap(value)
	case "#EXT-X-STREAM-INF":
		p.variant.bandwidth, err = parseNumber(attribute(value, "BANDWIDTH"))
	default:
		if line == "" || line[0] == '#' {
			return nil // a comment, or a tag that is not needed
		}
		return p.address(line)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", tag[1:], err)
	}
	return nil
}

// address is what the tags before it are about.
func (p *parser) address(line string) error {
	if _, err := url.Parse(line); err != nil {
		return fmt.Errorf("%.60q is no address", line)
	}
	switch {
	case len(p.segments)+len(p.variants) == maxEntries:
		return fmt.Errorf("more than %d entries", maxEntries)
	case p.variant.bandwidth > 0:
		p.variants, p.variant = append(p.variants, variant{p.variant.bandwidth, line}), variant{}
		return nil
	case p.segment.duration == 0:
		return fmt.Errorf("%.60q has neither EXTINF nor EXT-X-STREAM-INF with a BANDWIDTH before it", line)
	}
	p.segment.address = line
	if p.segment.offset == onward {
		before := p.segments[max(0, len(p.segments)-1):]
		if len(before) == 0 || before[0].address != line || before[0].length == 0 || before[0].offset >= 1<<61 {
			return errors.New("EXT-X-BYTERANGE has no offset, and no range before it")
		}
		p.segment.offset = before[0].offset + before[0].length
	}
	p.segments = append(p.segments, p.segment)
	p.segment = segment{init: p.segment.init}
	return nil
}

// parseRange reads <length>[@<offset>].
func (p *part) parseRange(s string) (err error) {
	length, offset, given := strings.Cut(s, "@")
	if p.length, err = parseNumber(length); err == nil && p.length == 0 {
		err = errors.New("is a range of no bytes")
	}
	if p.offset = onward; given && err == nil {
		p.offset, err = parseNumber(offset)
	}
	return err
}

func parseMap(list string) (*part, error) {
	init := &part{address: attribute(list, "URI")}
	if bytes := attribute(list, "BYTERANGE"); bytes != "" {
		if err := init.parseRange(bytes); err != nil {
			return nil, err
		}
		init.offset = max(0, init.offset)
	}
	_, err := url.Parse(init.address)
	return init, err
}

// attribute is a value in a list such as A=1,B="x,y" (RFC 8216 §4.2); empty: it has none.
func attribute(list, name string) (value string) {
	for list != "" {
		var key string
		key, list, _ = strings.Cut(list, "=")
		if quoted, is := strings.CutPrefix(list, `"`); is {
			value, list, _ = strings.Cut(quoted, `"`)
			list = strings.TrimPrefix(list, ",")
		} else {
			value, list, _ = strings.Cut(list, ",")
		}
		if strings.TrimSpace(key) == name {
			return value
		}
	}
	return ""
}

// parseNumber reads one of which two can be added.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 61)
	if err != nil {
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
	if err != nil { // not after parsePlaylist
		return address
	}
	return u.String()
}

// from is the segment with which a viewer goes on who is to see segment next: one
// of the playlist, or the one that will come after its last. Below 0: he begins.
func (p *playlist) from(next int64) int64 {
	count := int64(len(p.segments))
	end := p.sequence + count
	switch {
	case p.ended && (next < p.sequence || next >= end):
		return p.sequence // again
	case next < 0 || next > end+count: // or the server counts anew
		// Three target durations before the end (RFC 8216 §6.3.3).
		for behind := time.Duration(0); end > p.sequence && behind < 3*p.target; end-- {
			behind += p.segments[end-1-p.sequence].duration
		}
		return end
	}
	return max(next, p.sequence)
}
