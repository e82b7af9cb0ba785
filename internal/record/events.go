package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The files of a run's folder.
const (
	EventsFile = "events.ndjson"
	RunFile    = "run.json"
)

// event is one line of events.ndjson: what happened, and to which scenario.
type event struct {
	Time     time.Time `json:"time"`
	Scenario int       `json:"scenario,omitempty"`

	Run      *Head     `json:"run,omitempty"`      // the first line, and again when more is known
	Begin    *Scenario `json:"begin,omitempty"`    // a scenario
	Activity *Activity `json:"activity,omitempty"` // of the step under way
	Message  *Message  `json:"message,omitempty"`
	Lease    *Lease    `json:"lease,omitempty"`
	Step     *Step     `json:"step,omitempty"` // that is over
	Done     *Scenario `json:"done,omitempty"` // a scenario, without its steps
	Skipped  *Scenario `json:"skipped,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Lease is an event of a client's DHCP. It is in events.ndjson only.
type Lease struct {
	Client string `json:"client"`
	Text   string `json:"text"`
}

// mostLine bounds a line of events.ndjson that is read, in bytes.
const mostLine = 64 << 20

// Read reads the run in a folder from its events. A line that is cut off, as the
// last of a killed run may be, ends them; any other that cannot be read is an
// error with its number. The texts of the run are clean.
func Read(dir string) (*Run, error) {
	path := filepath.Join(dir, EventsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func read(from io.Reader) (*Run, error) {
	b := builder{run: Run{Scenarios: []Scenario{}}}
	lines := bufio.NewReaderSize(from, 1<<20)
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			break // a line without its end was cut off
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		var e event
		if err := json.Unmarshal(cleanJSON(line), &e); err != nil {
			return nil, fmt.Errorf("line %d is not an event: %w", n, err)
		}
		if err := b.add(e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return b.finish()
}

func readLine(from *bufio.Reader) (line []byte, err error) {
	for {
		part, err := from.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > mostLine {
			return nil, fmt.Errorf("longer than %d MB", mostLine>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// builder makes a run of events.
type builder struct {
	run   Run
	known bool      // the head
	open  *Scenario // that was begun and is not done
	step  Step      // what belongs to the step under way
	last  time.Time
	ended bool
}

func (b *builder) add(e event) error {
	if !b.known && e.Run == nil {
		return errors.New("the first event is not that of the run")
	}
	b.last = e.Time
	switch {
	case e.Run != nil:
		if e.Run.Version > Version {
			return fmt.Errorf("written by a newer lanstorm, in version %d of the format; this one reads %d", e.Run.Version, Version)
		}
		b.run.Head, b.known = *e.Run, true
	case e.Begin != nil:
		b.close(e.Time)
		b.open = e.Begin
	case e.Activity != nil:
		b.step.Activities = append(b.step.Activities, *e.Activity)
	case e.Message != nil && b.open == nil:
		b.run.Messages = append(b.run.Messages, *e.Message)
	case e.Message != nil:
		b.step.Messages = append(b.step.Messages, *e.Message)
	case e.Step != nil && b.open != nil:
		s := *e.Step
		s.Activities, s.Messages = b.step.Activities, b.step.Messages
		b.open.Steps, b.step = append(b.open.Steps, s), Step{}
	case e.Done != nil && b.open != nil:
		e.Done.Steps = b.open.Steps
		b.keep(*e.Done)
	case e.Skipped != nil:
		b.run.Scenarios = append(b.run.Scenarios, *e.Skipped)
	case e.End != nil:
		b.close(e.Time)
		b.run.End, b.ended = *e.End, true
	}
	return nil
}

// keep ends the open scenario. What was told after its last step stays with that.
func (b *builder) keep(s Scenario) {
	if n := len(s.Steps); n > 0 {
		last := &s.Steps[n-1]
		last.Activities = append(last.Activities, b.step.Activities...)
		last.Messages = append(last.Messages, b.step.Messages...)
	}
	b.run.Scenarios = append(b.run.Scenarios, s)
	b.open, b.step = nil, Step{}
}

// close ends a scenario of which no end was written.
func (b *builder) close(at time.Time) {
	if b.open == nil {
		return
	}
	s := *b.open
	if len(b.step.Activities)+len(b.step.Messages) > 0 {
		s.Steps = append(s.Steps, Step{Text: "(the step under way)", Start: at, Verdict: Failed,
			Activities: b.step.Activities, Messages: b.step.Messages})
		b.step = Step{}
	}
	s.Verdict, s.Reason, s.Seconds = Failed, "no end was recorded", at.Sub(s.Start).Seconds()
	b.keep(s)
}

func (b *builder) finish() (*Run, error) {
	if !b.known {
		return nil, errors.New("no event of a run")
	}
	if !b.ended {
		b.close(b.last)
		b.run.End = End{
			Time: b.last, Seconds: b.last.Sub(b.run.Start).Seconds(), Verdict: Failed, ExitCode: -1,
			Reason: "no end was recorded: it still goes on, or was killed, or the machine lost its power",
		}
	}
	return &b.run, nil
}
