package record

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Recorder writes the events of a run. Its methods may be called from many
// goroutines.
type Recorder struct {
	Dir string // of the run

	mu       sync.Mutex
	events   *os.File
	scenario int
	err      error // the first
}

// Begin makes a folder for a run in results, removes the oldest runs but keep,
// and begins its record. A record that cannot be begun is an error; one that
// cannot be gone on with is told by End.
func Begin(results string, keep int, head Head) (*Recorder, error) {
	dir, err := makeFolder(results, head.Start)
	if err != nil {
		return nil, err
	}
	f, err := Create(dir, EventsFile)
	if err != nil {
		return nil, err
	}
	r := &Recorder{Dir: dir, events: f}
	r.Head(head)
	if r.err == nil {
		r.err = prune(results, keep)
	}
	if r.err == nil {
		r.err = point(results, dir)
	}
	if r.err != nil {
		f.Close()
		return nil, r.err
	}
	return r, nil
}

// add writes a line, in one system call.
func (r *Recorder) add(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	e.Time = time.Now()
	if e.Run == nil && e.End == nil {
		e.Scenario = r.scenario
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = r.events.Write(append(line, '\n'))
	}
	r.err = err
}

// Head is what is known of the run, the first time and whenever it is more.
func (r *Recorder) Head(h Head) {
	h.Version = Version
	r.add(event{Run: &h})
}

// BeginScenario begins the next scenario, and returns its number.
func (r *Recorder) BeginScenario(s Scenario) (number int) {
	r.mu.Lock()
	r.scenario++
	s.Number = r.scenario
	r.mu.Unlock()
	r.add(event{Begin: &s})
	return s.Number
}

// EndScenario ends it. What s says of its steps is not looked at.
func (r *Recorder) EndScenario(s Scenario) {
	r.mu.Lock()
	s.Number, s.Steps = r.scenario, nil
	r.mu.Unlock()
	r.add(event{Done: &s})
}

// LeaveOut is a scenario that was skipped, or not run.
func (r *Recorder) LeaveOut(s Scenario) { r.add(event{Skipped: &s}) }

// Step ends a step. What s says of its activities and messages is not looked at.
func (r *Recorder) Step(s Step) {
	s.Activities, s.Messages = nil, nil
	r.add(event{Step: &s})
}

// Activity adds one to the step under way.
func (r *Recorder) Activity(a Activity) { r.add(event{Activity: &a}) }

// Message tells something of the step under way or, outside scenarios, of the run.
func (r *Recorder) Message(m Message) { r.add(event{Message: &m}) }

// Lease is an event of a client's DHCP.
func (r *Recorder) Lease(l Lease) { r.add(event{Lease: &l}) }

// End ends the record, makes run.json and returns the run. The error says what
// could not be written; the run then is as far as that.
func (r *Recorder) End(e End) (*Run, error) {
	r.add(event{End: &e})
	if err := r.events.Close(); r.err == nil {
		r.err = err
	}
	run, err := Read(r.Dir)
	if err != nil {
		return nil, err
	}
	if r.err != nil {
		return run, r.err
	}
	return run, run.Write(r.Dir)
}

// Write writes run.json into the folder.
func (r *Run) Write(dir string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return WriteFile(dir, RunFile, append(text, '\n'))
}
