package workload

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Outcome is what became of the work of all clients: plain data, as Result.
type Outcome struct {
	Start   time.Time
	Clients []Result                         // one for each job, in their order
	Times   map[string]*measure.Distribution // of all clients, as Result's
}

// Result is what became of one client's work.
type Result struct {
	Client, MAC string
	Kind        string
	Start       time.Time
	Took        time.Duration
	Operations  int            // done, from beginning to end
	Failures    map[string]int // how often, by reason
	Reason      string         // the first of them
	Unfinished  string         // why the last operation was cut short; empty: it was not
	Bytes       int64          // of content, down and up
	Early       int64          // those of them of the first SlowStart
	Rate        *measure.Series
	Times       map[string]*measure.Distribution // how long its parts took, such as "connect"
	Sums        map[string]float64               // what was added up, such as "stalled" seconds
	Lines       map[string]*measure.Series       // values over time, such as the bitrate of a video
	Hash        string                           // of the newest content, when it was asked for
}

// SlowStart is left out of rates: TCP has to find out first what the line bears.
const SlowStart = 2 * time.Second

// Goodput is the bits of content per second. Of what took twice as long as the
// slow start, that is left out.
func (r Result) Goodput() float64 {
	bytes, took := r.Bytes, r.Took
	if took >= 2*SlowStart {
		bytes, took = bytes-r.Early, took-SlowStart
	}
	return 8 * float64(bytes) / max(took, time.Microsecond).Seconds()
}

// Failed is how many operations failed.
func (r Result) Failed() (n int) {
	for _, times := range r.Failures {
		n += times
	}
	return n
}

// Meter counts what one client does. Its methods may be called from many goroutines.
type Meter struct {
	mu          sync.Mutex
	r           Result
	own, common *times
	open        int  // connections
	closed      bool // nothing counts any more
}

// newMeter is a client's. All clients have the start of their series in common.
func newMeter(j Job, start time.Time, common *times) *Meter {
	own := &times{by: map[string]*measure.Distribution{}, empty: measure.NewSmallDistribution}
	return &Meter{own: own, common: common, r: Result{
		Client: j.Client.Name, MAC: j.Client.MAC, Kind: j.Work.Kind(), Failures: map[string]int{},
		Rate: measure.NewSeries(start, time.Second), Times: own.by, Sums: map[string]float64{}, Lines: map[string]*measure.Series{},
	}}
}

// times are distributions by what took the time.
type times struct {
	mu    sync.Mutex
	by    map[string]*measure.Distribution
	empty func() *measure.Distribution
}

func (t *times) add(part string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by[part] == nil {
		t.by[part] = t.empty()
	}
	t.by[part].Record(d)
}

func (m *Meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.r.Start = time.Now()
}

// Count adds bytes of content.
func (m *Meter) Count(n int) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.r.Bytes += int64(n)
	if now.Sub(m.r.Start) < SlowStart {
		m.r.Early += int64(n)
	}
	m.r.Rate.Add(now, float64(n))
}

// Time tells how long a part took.
func (m *Meter) Time(part string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.own.add(part, d)
		m.common.add(part, d)
	}
}

// Sum adds to what is added up under a name.
func (m *Meter) Sum(name string, v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.r.Sums[name] += v
	}
}

// Line tells the value that something has now.
func (m *Meter) Line(name string, v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.r.Lines[name] == nil {
		m.r.Lines[name] = measure.NewSeries(m.r.Rate.Start, time.Second)
	}
	m.r.Lines[name].Add(time.Now(), v)
}

// hash tells that of the content.
func (m *Meter) hash(sum string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.r.Hash = sum
}

func (m *Meter) finished() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.r.Operations++
}

// mostReasons bounds what a client remembers of days of failures.
const mostReasons = 20

func (m *Meter) failed(err error) {
	reason := err.Error()
	if m.r.Reason == "" {
		m.r.Reason = reason
	}
	if _, known := m.r.Failures[reason]; !known && len(m.r.Failures) == mostReasons {
		reason = "other reasons"
	}
	m.r.Failures[reason]++
}

// opened counts connections that are open: so many more.
func (m *Meter) opened(more int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open += more
	return m.open
}

// closing is how long package http may take to close what is not used any more.
const closing = 2 * time.Second

func (m *Meter) result(cause error) Result {
	m.r.Took = time.Since(m.r.Start)
	// Each connection tells something of itself when it is closed.
	for end := time.Now().Add(closing); m.opened(0) > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if cause != nil && !errors.Is(cause, errStop) {
		m.r.Unfinished = fmt.Sprintf("cut short: %v", cause)
	}
	return m.r
}

// whole is all of it as the result of one.
func (o Outcome) whole() Result {
	var w Result
	w.Start = time.Now()
	end := o.Start
	for _, r := range o.Clients {
		w.Bytes, w.Early = w.Bytes+r.Bytes, w.Early+r.Early
		if r.Start.Before(w.Start) {
			w.Start = r.Start
		}
		if last := r.Start.Add(r.Took); last.After(end) {
			end = last
		}
	}
	w.Took = end.Sub(w.Start)
	return w
}

// Throughput is the bits of content of all clients per second, from the first
// start to the last end.
func (o Outcome) Throughput() float64 { return o.whole().Goodput() }

// Without says of the throughput that the slow start is left out, if it is.
func (o Outcome) Without() string {
	if o.whole().Took < 2*SlowStart {
		return ""
	}
	return fmt.Sprintf(" without the first %s", SlowStart)
}

// Shares are the clients' goodputs, as parts of what each would have if all had
// the same.
func (o Outcome) Shares() []float64 {
	shares, sum := make([]float64, len(o.Clients)), 0.0
	for i, r := range o.Clients {
		shares[i] = r.Goodput()
		sum += shares[i]
	}
	for i := range shares {
		shares[i] *= float64(len(shares)) / max(sum, 1)
	}
	return shares
}
