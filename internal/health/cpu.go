package health

import (
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"github.com/lanstorm/lanstorm/internal/measure"
)

const (
	// full is the share of all processors' time, over stretch, from which on
	// they count as having none left. A saturated machine shows 98 to 100 %,
	// for some of its work waits for other work of its own; and /proc/stat
	// counts in hundredths of a second.
	full = 0.95

	// stolen is the share over stretch from which on other virtual machines
	// are felt: 50 ms of a second, at worst in one piece.
	stolen = 0.05

	// stretch is how long it must last. Shorter peaks are work being done; what
	// they delay shows in the beats.
	stretch = time.Second
)

// processors watches the time of all processors together: the first line of
// /proc/stat, see proc_stat(5).
type processors struct {
	proc string

	first, last usage
	series      *measure.Series // of the busy share
	recent      []usage         // of the last stretch, oldest first

	begin, end    usage // of the full stretch under way or last seen
	longest       time.Duration
	busy          float64 // share in the longest,
	own           float64 // and of that lanstorm's
	stolenThen    float64 // and that of other virtual machines
	worstStealing float64 // in any stretch
}

// usage is seconds of processor time since boot.
type usage struct {
	at                 time.Time
	busy, steal, total float64
	own                float64 // this process's; 0 when it cannot be told
}

func (u usage) shares(since usage) (busy, steal float64) {
	total := u.total - since.total
	if total <= 0 {
		return 0, 0
	}
	// iowait, a part of idle time, may run backwards (proc_stat(5)).
	share := func(part float64) float64 { return min(max(part/total, 0), 1) }
	return share(u.busy - since.busy), share(u.steal - since.steal)
}

func (p *processors) read(now time.Time) error {
	proc, err := procfs.NewFS(p.proc)
	if err != nil {
		return err
	}
	stat, err := proc.Stat()
	if err != nil {
		return err
	}
	c := stat.CPUTotal // User includes Guest
	// Stolen time is not idle: there was work, and no processor for it.
	busy := c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
	u := usage{at: now, busy: busy, steal: c.Steal, total: busy + c.Idle + c.Iowait}
	if self, err := proc.Self(); err == nil {
		if s, err := self.Stat(); err == nil {
			u.own = s.CPUTime()
		}
	}
	p.add(u)
	return nil
}

func (p *processors) add(u usage) {
	if p.recent == nil {
		p.first, p.series = u, measure.NewSeries(u.at, time.Second)
	} else if busy, _ := u.shares(p.last); u.total > p.last.total {
		p.series.Add(u.at, busy)
	}
	p.last = u
	p.recent = append(p.recent, u)
	for len(p.recent) > 2 && u.at.Sub(p.recent[1].at) >= stretch {
		p.recent = slices.Delete(p.recent, 0, 1)
	}
	oldest := p.recent[0]
	if u.at.Sub(oldest.at) < stretch {
		return
	}
	busy, steal := u.shares(oldest)
	p.worstStealing = max(p.worstStealing, steal)
	if busy < full {
		return
	}
	if p.end.at.Before(oldest.at) { // not the continuation of what was seen
		p.begin = oldest
	}
	p.end = u
	if d := p.end.at.Sub(p.begin.at); d > p.longest {
		p.longest = d
		p.busy, p.stolenThen = p.end.shares(p.begin)
		p.own = min(p.busy, max(0, p.end.own-p.begin.own)/(p.end.total-p.begin.total))
	}
}

func (p *processors) judge(r *Report) {
	if p.recent == nil {
		return
	}
	r.CPU, _ = p.last.shares(p.first)
	r.Busy = p.series
	if p.longest >= stretch && !r.flatout {
		r.limit(CPU, fewer, "CPU %s busy for %s (lanstorm %s, other programs and the kernel %s, stolen %s)", percent(p.busy),
			p.longest.Round(100*time.Millisecond), percent(p.own), percent(max(0, p.busy-p.own-p.stolenThen)), percent(p.stolenThen))
	}
	if p.worstStealing > stolen {
		r.limit(Steal, "use a machine of its own, or a host with less to do",
			"other virtual machines took %s of the processors for a second", percent(p.worstStealing))
	}
}
