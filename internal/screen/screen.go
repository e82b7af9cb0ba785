// Package screen shows a run to people while it goes: on a terminal with
// colours and a line that lives, in a pipe or a log as plain text.
package screen

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Screen is an output. Its methods may be called from many goroutines.
type Screen struct {
	out    io.Writer
	width  int  // in characters
	colour bool // it shows colours
	alive  bool // it is a terminal, and a line can be written over

	mu      sync.Mutex
	feature string // shown last
	open    string // the step under way
	began   time.Time
	tell    func() string // how far it is; nil: nothing is known
	stop    chan struct{} // ends the living line; nil when there is none
	done    chan struct{}
}

// usual is the width of what is no terminal.
const usual = 80

// New shows a run on out. fd is its descriptor, to be asked whether it is a
// terminal and how wide; below zero it is none.
func New(out io.Writer, fd int, colour bool) *Screen {
	s := &Screen{out: out, width: usual, colour: colour}
	if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); fd >= 0 && err == nil {
		s.alive = true
		if size.Col > 0 {
			s.width = max(40, int(size.Col))
		}
	}
	return s
}

// Scenario shows the head of a scenario, and of its feature if that is another.
func (s *Screen) Scenario(sc record.Scenario) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feature != sc.Feature {
		s.feature = sc.Feature
		s.print("\n" + s.paint(bold, Indented(0, record.Clean(sc.Feature), s.width)) + "\n")
	}
	head := s.beside(record.Clean(sc.Name), s.width-4, sc.Location)
	s.print("\n  " + strings.ReplaceAll(head, "\n", "\n  ") + "\n")
}

// Begin shows that a step is under way. On a terminal its line lives until Step:
// it tells how long the step has taken, and what tell says if it is not nil.
func (s *Screen) Begin(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.alive {
		return
	}
	s.open, s.began, s.tell = record.Clean(text), time.Now(), nil
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go s.live(s.stop, s.done)
}

// Tell has the living line tell how far the step is.
func (s *Screen) Tell(tell func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = tell
}

// live writes the line anew, until it is stopped. What is over at once has none.
func (s *Screen) live(stop, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		s.mu.Lock()
		line := fmt.Sprintf("    … %s  %s", s.open, brief(time.Since(s.began)))
		if s.tell != nil {
			line += "  " + s.tell()
		}
		s.print("\r\x1b[K" + s.paint(dim, cut(line, s.width-1)))
		s.mu.Unlock()
	}
}

// endLive takes the living line away.
func (s *Screen) endLive() {
	if s.stop == nil {
		return
	}
	close(s.stop)
	done := s.done
	s.stop = nil
	s.mu.Unlock()
	<-done
	s.mu.Lock()
	s.print("\r\x1b[K")
}

// Hold ends the living line of a step that is not over.
func (s *Screen) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLive()
}

// Step shows a step that is over, with what was measured in it.
func (s *Screen) Step(st record.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLive()
	colour := colour(st.Verdict)
	took := ""
	if st.Verdict != record.Skipped {
		took = brief(time.Duration(st.Seconds * float64(time.Second)))
	}
	head := s.beside(record.Clean(st.Text), s.width-8, took)
	s.print("    " + s.paint(colour, st.Verdict.Symbol()+" "+strings.ReplaceAll(head, "\n", "\n      ")) + "\n")
	for _, a := range st.Activities {
		s.wrapped(8, a.Summary)
		if a.Clients != nil && a.Clients.Shown {
			s.table(*a.Clients)
		}
	}
	for _, m := range st.Messages {
		s.wrapped(8, m.Kind+": "+m.Text)
	}
	if st.Error != "" {
		for i, line := range strings.Split(st.Error, "\n") {
			if i == 0 {
				line = strings.ToUpper(string(st.Verdict)) + ": " + line
			}
			s.print(s.paint(colour, Indented(8, record.Clean(strings.TrimSpace(line)), s.width)) + "\n")
		}
	}
}

// Aside shows something that belongs to the scenario, and not to a step.
func (s *Screen) Aside(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrapped(4, text)
}

// print writes; an error is seen by out, which is the run's own.
func (s *Screen) print(text string) { _, _ = io.WriteString(s.out, text) }

func (s *Screen) wrapped(indent int, text string) {
	s.print(Indented(indent, record.Clean(text), s.width) + "\n")
}

// The colours of a terminal (ECMA-48 §8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s *Screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func colour(v record.Verdict) string {
	switch v {
	case record.Passed:
		return green
	case record.Failed:
		return red
	case record.Inconclusive, record.Known:
		return yellow
	}
	return dim
}

// beside puts a note at the right end of text, in a new line if there is no room.
func (s *Screen) beside(text string, width int, note string) string {
	if note == "" {
		return Indented(0, text, width)
	}
	gap := width - utf8.RuneCountInString(text) - utf8.RuneCountInString(note)
	if gap < 2 {
		lines := strings.Split(Indented(0, text, width-utf8.RuneCountInString(note)-2), "\n")
		last := &lines[len(lines)-1]
		*last += strings.Repeat(" ", max(2, width-utf8.RuneCountInString(*last)-utf8.RuneCountInString(note))) + note
		return strings.Join(lines, "\n")
	}
	return text + strings.Repeat(" ", gap) + note
}

// Indented folds text to lines of width, each indented.
func Indented(indent int, text string, width int) string {
	var b strings.Builder
	room, used := max(20, width-indent), 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(strings.Repeat(" ", indent))
		case used+1+n > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

func cut(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// brief is a time as people read it.
func brief(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d h", int(d.Hours()), int(d.Minutes())%60)
}
