package steps

import (
	"fmt"
	"strings"

	"github.com/lanstorm/lanstorm/internal/workload"
)

// video is the sentences about streams.
func (w *world) video() []sentence {
	const plays = "each plays one of video.urls, in turn, as a player does (HLS, RFC 8216)"
	return []sentence{
		{`the video streaming configuration is loaded`, "video.urls is set, or this is the lab", w.videoIsConfigured},
		{`<clients> start(s) streaming a video simultaneously`, plays + ", for video.duration", w.once(w.stream)},
		{`each client should successfully stream for the given duration`,
			"each began within video.startup, and stood still for no more than video.max_stall of the time", w.streamed},
		{`<clients> keep(s) streaming a video`, plays + "; goes on beside the next sentences until it is told to stop, or the scenario ends", w.keepUp(w.stream)},
		{`the streams stop`, "no client plays any more; those that failed meanwhile are told", w.stops("video")},
	}
}

func (w *world) videoIsConfigured() error {
	_, err := w.streaming()
	return err
}

// streaming is what each client plays.
func (w *world) streaming() (func(i int) workload.Work, error) {
	v := w.config().Video
	urls := v.URLs
	if len(urls) == 0 {
		for _, page := range []string{"/vod/a/master.m3u8", "/live/master.m3u8", "/vod-ranges/b/master.m3u8"} {
			url, err := w.urlOr("", "video.urls", page)
			if err != nil {
				return nil, err
			}
			urls = append(urls, strings.Replace(url, "download.", "video.", 1))
		}
	}
	return func(i int) workload.Work {
		url := urls[i%len(urls)]
		if v.Command != "" {
			return workload.Player{Command: strings.Fields(v.Command), URL: url, Duration: v.Duration}
		}
		return workload.Video{URL: url, Duration: v.Duration, Startup: v.Startup, MaxStall: v.MaxStall / 100}
	}, nil
}

func (w *world) stream() (*busy, error) {
	work, err := w.streaming()
	return &busy{kind: "video", what: "stream a video", work: work}, err
}

func (w *world) streamed() error {
	b, err := w.newest("video")
	if err != nil {
		return err
	}
	for _, r := range b.outcome.Clients {
		if r.Operations+r.Failed() == 0 && r.Unfinished == "" { // stopped in the middle of the first
			return fmt.Errorf("%s was stopped before it had played for %s", r.Client, w.config().Video.Duration)
		}
	}
	return b.verdict()
}
