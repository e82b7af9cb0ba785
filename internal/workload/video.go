package workload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Video plays an HLS video (RFC 8216) as a player does that shows nothing: it
// fetches ahead, in the quality that the network bears, while a clock tells what
// the people in front of it would see.
type Video struct {
	URL      string
	Duration time.Duration // from the first picture on
	Startup  time.Duration // until which there must be one
	MaxStall float64       // the share of Duration, 0 to 1, in which the picture may stand still
	Buffer   time.Duration // how far it fetches ahead; 0: 30 s
}

var _ Work = Video{}

// Kind is part of Work.
func (Video) Kind() string { return "video" }

// What players do.
const (
	tries  = 3   // of a request, until it has failed
	safety = 0.8 // the part of the throughput that a variant may need
	newest = 0.4 // the weight of the newest segment in the throughput
)

// viewer is a video under way.
type viewer struct {
	Video
	client *http.Transport
	m      *Meter
	end    *time.Timer // of the start-up, and then of the video

	now     int // which of streams is fetched
	streams []stream
	place   place
	init    string // what was fetched last to be put before segments
	bits    float64
	doing   string // what is being fetched
	why     error  // it failed the last time

	mu       sync.Mutex
	playback playback
}

// stream is a variant, with its media playlist as it was at the last look.
type stream struct {
	variant
	list playlist
	due  time.Time // for the next look, as long as it is live
}

// Do is part of Work.
func (v Video) Do(ctx context.Context, c *Client, m *Meter) error {
	if v.Buffer == 0 {
		v.Buffer = 30 * time.Second
	}
	t := transport(c, m)
	t.DisableKeepAlives = false
	defer t.CloseIdleConnections()
	play, stop := context.WithCancel(ctx)
	start := time.Now()
	p := &viewer{Video: v, client: t, m: m, end: time.AfterFunc(v.Startup, stop), playback: playback{at: start}}
	defer p.end.Stop()
	var shown sync.WaitGroup
	shown.Go(func() { p.show(play) })
	err := p.play(play, start)
	over := play.Err() != nil
	stop()
	shown.Wait()

	seen := &p.playback
	seen.pass(time.Now())
	m.Sum("played seconds", seen.played.Seconds())
	m.Sum("stalled seconds", seen.stalled.Seconds())
	if seen.still > 0 {
		m.Time("stall", seen.still)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !seen.begun && over && p.why != nil:
		return fmt.Errorf("did not start within %s: %w", v.Startup, p.why)
	case !seen.begun && over:
		return fmt.Errorf("did not start within %s: %s did not come", v.Startup, p.doing)
	case !seen.begun:
		return fmt.Errorf("did not start: %w", err)
	case !over:
		return err
	}
	if err = seen.judge(v.MaxStall); err != nil && p.why != nil {
		err = fmt.Errorf("%w; %w", err, p.why)
	}
	return err
}

// play fetches until ctx ends or something has failed for good.
func (p *viewer) play(ctx context.Context, start time.Time) error {
	list, err := p.load(ctx, "playlist", p.URL)
	if err != nil {
		return err
	}
	p.streams = []stream{{variant: variant{address: p.URL}, list: list, due: start.Add(list.target)}}
	if len(list.variants) > 0 {
		p.streams = nil
		for _, v := range list.variants {
			v.address = list.resolve(v.address)
			p.streams = append(p.streams, stream{variant: v})
		}
	}
	for {
		p.mu.Lock()
		p.playback.pass(time.Now())
		full := p.playback.ahead() - p.Buffer
		p.mu.Unlock()
		sleep(ctx, full)
		s := &p.streams[p.now]
		if err := p.look(ctx, s); err != nil {
			return err
		}
		i, missed := p.place.find(&s.list)
		if missed > 0 {
			p.m.Sum("skipped", float64(missed))
		}
		if i == len(s.list.segments) { // live, and not there yet
			sleep(ctx, time.Until(s.due))
			continue
		}
		if err := p.segment(ctx, s, i, start); err != nil {
			return err
		}
		p.place.pass(s.list.segments[i])
		if choice := choose(p.streams, p.bits); choice != p.now {
			p.now = choice
			p.m.Sum("switches", 1)
		}
	}
}

// look loads a stream's playlist if it is time to (RFC 8216 §6.3.4).
func (p *viewer) look(ctx context.Context, s *stream) error {
	if s.list.ended || time.Now().Before(s.due) {
		return ctx.Err()
	}
	what := fmt.Sprintf("playlist of the variant of %.3g Mbit/s", float64(s.bandwidth)/1e6)
	if s.bandwidth == 0 {
		what = "playlist"
	}
	began := time.Now()
	list, err := p.load(ctx, what, s.address)
	switch {
	case err != nil:
		return err
	case len(list.variants) > 0:
		return fmt.Errorf("%s: has variants again", what)
	}
	wait := list.target
	if list.sequence == s.list.sequence && len(list.segments) == len(s.list.segments) && !list.ended {
		wait /= 2
		p.why = errors.New("the live playlist has nothing new")
	}
	s.list, s.due = list, began.Add(wait)
	return nil
}

// load gets a playlist.
func (p *viewer) load(ctx context.Context, what, address string) (list playlist, err error) {
	_, err = p.insist(ctx, what, request{method: http.MethodGet, url: address}, func(resp *http.Response) error {
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxPlaylist+1))
		p.m.Count(len(text))
		if err != nil {
			return fmt.Errorf("broke off after %s: %w", Size(int64(len(text))), because(ctx, err))
		}
		list, err = parsePlaylist(string(text), resp.Request.URL)
		return err
	})
	return list, err
}

// segment gets segment i of a stream and puts it into the buffer.
func (p *viewer) segment(ctx context.Context, s *stream, i int, start time.Time) error {
	g := s.list.segments[i]
	what := fmt.Sprintf("segment %d", s.list.sequence+int64(i))
	if g.init != nil {
		if id := fmt.Sprint(s.address, *g.init); id != p.init {
			if _, _, err := p.part(ctx, "beginning of "+what, &s.list, *g.init); err != nil {
				return err
			}
			p.init = id
		}
	}
	n, took, err := p.part(ctx, what, &s.list, g.part)
	if err != nil {
		return err
	}
	rate := 8 * float64(n) / max(took, time.Microsecond).Seconds()
	if p.bits == 0 {
		p.bits = rate
	}
	p.bits += newest * (rate - p.bits)
	bitrate := float64(s.bandwidth)
	if bitrate == 0 {
		bitrate = 8 * float64(n) / g.duration.Seconds()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.playback.begun {
		if !p.end.Reset(p.Duration) { // it came just too late
			<-ctx.Done()
			return ctx.Err()
		}
		p.m.Time("start-up", time.Since(start))
	}
	if stall := p.playback.add(time.Now(), piece{g.duration, bitrate}); stall > 0 {
		p.m.Time("stall", stall)
	}
	return nil
}

// part gets a resource in a playlist, or the range of it.
func (p *viewer) part(ctx context.Context, what string, in *playlist, r part) (n int64, took time.Duration, err error) {
	get := request{method: http.MethodGet, url: in.resolve(r.address), header: http.Header{}}
	if r.length > 0 {
		get.header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.offset, r.offset+r.length-1))
	}
	took, err = p.insist(ctx, what, get, func(resp *http.Response) (err error) {
		if r.length > 0 && resp.StatusCode != http.StatusPartialContent {
			return fmt.Errorf("the server was asked for a range of bytes and says %s", resp.Status)
		}
		n, err = whole(ctx, resp, p.m, nil)
		if err == nil && r.length > 0 && n != r.length {
			err = fmt.Errorf("the server was asked for %s and sent %s", Size(r.length), Size(n))
		}
		return err
	})
	return n, took, err
}

// insist sends a request up to tries times, and tells how long the good one took.
func (p *viewer) insist(ctx context.Context, what string, r request, read func(*http.Response) error) (time.Duration, error) {
	for try := 1; ; try++ {
		p.doing = what
		began := time.Now()
		err := exchange(ctx, p.client, p.m, r, read)
		switch {
		case err == nil:
			p.why = nil
			return time.Since(began), nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
		p.why = fmt.Errorf("%s: %w", what, err)
		if try == tries {
			return 0, p.why
		}
		sleep(ctx, breath)
	}
}

// show tells once a second what is to be seen.
func (p *viewer) show(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var stalled time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		p.playback.pass(time.Now())
		seen := p.playback
		p.mu.Unlock()
		if seen.begun {
			p.m.Line("stalled", min(1, (seen.stalled-stalled).Seconds()))
			p.m.Line("bitrate", seen.bitrate)
		}
		stalled = seen.stalled
	}
}

// choose is the variant for a throughput of so many bit/s; streams begin with the
// smallest.
func choose(streams []stream, bits float64) int {
	best := 0
	for i, s := range streams {
		if s.bandwidth > streams[best].bandwidth && float64(s.bandwidth) <= safety*bits {
			best = i
		}
	}
	return best
}
