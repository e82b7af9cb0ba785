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

// Video plays an HLS video (RFC 8216) as a player does, but shows nothing: it
// fetches ahead, in the quality that the network bears, while a clock tells what
// people would see.
type Video struct {
	URL      string
	Duration time.Duration // from the first picture on
	Startup  time.Duration // until which there must be one
	MaxStall float64       // the share of Duration, 0 to 1, in which the picture may stand still
	Buffer   time.Duration // how far it fetches ahead; 0: 30 s
}

var _ Work = Video{}

// What players do.
const (
	tries  = 3   // of a request, until it has failed
	safety = 0.8 // the part of the throughput that a variant may need
	newest = 0.4 // the weight of the newest segment in the throughput
)

// glance is too little of a video to judge it by, if it is cut short.
const glance = 5 * time.Second

// viewer is a video under way.
type viewer struct {
	Video
	client *http.Transport
	m      *Meter
	start  time.Time
	end    *time.Timer // of the start-up, and then of the video

	streams    []stream
	next       int64   // the number of the segment to come; below 0: any
	init       string  // what was fetched last to be put before segments
	throughput float64 // bit/s
	doing      string  // what is being fetched
	why        error   // it failed the last time

	mu sync.Mutex // over what is seen
	playback
}

// stream is a variant, with its media playlist as it was at the last look.
type stream struct {
	variant
	list playlist
	due  time.Time // for the next look, as long as it is live
}

// Kind is part of Work.
func (Video) Kind() string { return "video" }

// Do is part of Work.
func (v Video) Do(ctx context.Context, c *Client, m *Meter) error {
	if v.Buffer == 0 {
		v.Buffer = 30 * time.Second
	}
	play, stop := context.WithCancel(ctx)
	p := &viewer{Video: v, client: transport(c, m), m: m, next: -1, start: time.Now(), end: time.AfterFunc(v.Startup, stop)}
	defer p.end.Stop()
	p.client.DisableKeepAlives = false
	defer p.client.CloseIdleConnections()
	var shown sync.WaitGroup
	shown.Go(func() { p.show(play) })
	err := p.play(play)
	over := play.Err() != nil
	stop()
	shown.Wait()

	p.pass(time.Now())
	m.Sum("played seconds", p.played.Seconds())
	m.Sum("stalled seconds", p.stalled.Seconds())
	if p.still > 0 {
		m.Time("stall", p.still)
	}
	switch {
	case ctx.Err() != nil:
		if err := p.judge(v.MaxStall); err != nil && p.played+p.stalled >= glance {
			return seen{err}
		}
		return context.Cause(ctx)
	case !p.begun && !over:
		return fmt.Errorf("did not start: %w", err)
	case !over:
		return err
	case !p.begun && p.why == nil:
		return fmt.Errorf("did not start within %s: %s did not come", v.Startup, p.doing)
	case !p.begun:
		return fmt.Errorf("did not start within %s: %w", v.Startup, p.why)
	}
	if err = p.judge(v.MaxStall); err != nil && p.why != nil {
		err = fmt.Errorf("%w; %w", err, p.why)
	}
	return err
}

// play fetches until ctx ends or something has failed for good.
func (p *viewer) play(ctx context.Context) error {
	list, err := p.load(ctx, "playlist", p.URL)
	if err != nil {
		return err
	}
	for _, v := range list.variants {
		v.address = list.resolve(v.address)
		p.streams = append(p.streams, stream{variant: v})
	}
	if p.streams == nil {
		p.streams = []stream{{variant{address: p.URL}, list, p.start.Add(list.target)}}
	}
	for now := 0; ; {
		p.mu.Lock()
		p.pass(time.Now())
		ahead := p.ahead()
		p.mu.Unlock()
		if choice := choose(p.streams, p.throughput); choice < now || choice > now && ahead >= p.enough(p.streams[now].list) {
			now = choice
			p.m.Sum("switches", 1)
		}
		sleep(ctx, ahead-p.Buffer)
		s := &p.streams[now]
		if err := p.look(ctx, s); err != nil {
			return err
		}
		n := s.list.from(p.next)
		i := int(n - s.list.sequence)
		if i == len(s.list.segments) { // live, and not there yet
			sleep(ctx, time.Until(s.due))
			continue
		}
		if p.next >= 0 && n > p.next {
			p.m.Sum("skipped", float64(n-p.next))
		}
		if err := p.segment(ctx, s, i); err != nil {
			return err
		}
		p.next = n + 1
	}
}

// look loads a stream's playlist if it is time to (RFC 8216 §6.3.4).
func (p *viewer) look(ctx context.Context, s *stream) error {
	began := time.Now()
	if s.list.ended || began.Before(s.due) {
		return ctx.Err()
	}
	what := fmt.Sprintf("playlist of the variant of %.3g Mbit/s", float64(s.bandwidth)/1e6)
	if s.bandwidth == 0 {
		what = "playlist"
	}
	list, err := p.load(ctx, what, s.address)
	if err != nil {
		return err
	}
	if list.variants != nil {
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

// segment gets segment i of a stream, and has it seen.
func (p *viewer) segment(ctx context.Context, s *stream, i int) error {
	g := s.list.segments[i]
	what := fmt.Sprintf("segment %d", s.list.sequence+int64(i))
	if g.init != nil {
		init := fmt.Sprint(s.address, *g.init)
		if init != p.init {
			if _, _, err := p.part(ctx, "beginning of "+what, &s.list, *g.init); err != nil {
				return err
			}
		}
		p.init = init
	}
	n, took, err := p.part(ctx, what, &s.list, g.part)
	if err != nil {
		return err
	}
	rate := 8 * float64(n) / max(took, time.Microsecond).Seconds()
	if p.throughput == 0 {
		p.throughput = rate
	}
	p.throughput += newest * (rate - p.throughput)
	bitrate := float64(s.bandwidth)
	if bitrate == 0 {
		bitrate = 8 * float64(n) / g.duration.Seconds()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		if !p.end.Reset(p.Duration) { // it came just too late
			<-ctx.Done()
			return ctx.Err()
		}
		p.m.Time("start-up", time.Since(p.start))
	}
	if stall := p.add(time.Now(), piece{g.duration, bitrate}); stall > 0 {
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
	for before := time.Duration(0); ; {
		sleep(ctx, time.Second)
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		p.pass(time.Now())
		if p.begun {
			p.m.Line("stalled", min(1, (p.stalled-before).Seconds()))
			p.m.Line("bitrate", p.bitrate)
		}
		before = p.stalled
		p.mu.Unlock()
	}
}

// enough is how much must be ahead before a higher bitrate is tried. ExoPlayer
// wants 10 s; behind the edge of a live video there is less to be had.
func (p *viewer) enough(list playlist) time.Duration {
	enough := min(10*time.Second, p.Buffer/2)
	if !list.ended {
		enough = min(enough, 2*list.target)
	}
	return enough
}

// choose is the variant for a throughput in bit/s. The first is the smallest.
func choose(streams []stream, throughput float64) (best int) {
	for i, s := range streams {
		if s.bandwidth > streams[best].bandwidth && float64(s.bandwidth) <= safety*throughput {
			best = i
		}
	}
	return best
}
