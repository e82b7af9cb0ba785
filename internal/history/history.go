// Package history is a line for each run that ended: what it was, its verdict
// and its key figures. It outlives the folders of the runs, lists them, and finds
// what changed between two groups of them.
package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Version is that of a line. A reader leaves out what is newer.
const Version = 1

// Entry is a run that ended.
type Entry struct {
	Version   int               `json:"version"`
	Start     time.Time         `json:"start"`
	Folder    string            `json:"folder"` // its name in results, where it may be gone by now
	Router    string            `json:"router,omitempty"`
	Firmware  string            `json:"firmware,omitempty"`
	Interface string            `json:"interface"`
	Labels    map[string]string `json:"labels,omitempty"`
	Verdict   record.Verdict    `json:"verdict"`
	ExitCode  int               `json:"exit_code"`
	Seconds   float64           `json:"seconds"`
	Scenarios []Scenario        `json:"scenarios"`
}

// Scenario is one of a run.
type Scenario struct {
	File    string          `json:"file"` // without the line, which moves when the file is edited
	Name    string          `json:"name"` // with a number if the file had it before, as an outline may
	Verdict record.Verdict  `json:"verdict"`
	Figures []record.Figure `json:"figures,omitempty"` // the key figures
}

// NewEntry is the entry of a run whose folder is dir.
func NewEntry(run *record.Run, dir string) Entry {
	e := Entry{
		Version: Version, Start: run.Start, Folder: filepath.Base(dir), Router: cmp.Or(run.Router.Name, run.Labels["router"]),
		Firmware: cmp.Or(run.Router.Firmware, run.Labels["firmware"]), Interface: run.Router.Interface, Labels: run.Labels,
		Verdict: run.End.Verdict, ExitCode: run.End.ExitCode, Seconds: run.End.Seconds,
	}
	times := map[string]int{}
	for _, s := range run.Scenarios {
		file := s.File()
		mine := Scenario{file, s.Name, s.Verdict, worst(nil, s.Figures())}
		if times[file+s.Name]++; times[file+s.Name] > 1 {
			mine.Name += fmt.Sprintf(" (%d)", times[file+s.Name])
		}
		e.Scenarios = append(e.Scenarios, mine)
	}
	return e
}

// worst adds key figures to others. Of those of one name the worst remains.
func worst(all, more []record.Figure) []record.Figure {
	for _, f := range more {
		i := slices.IndexFunc(all, func(g record.Figure) bool { return g.Name == f.Name && g.Unit == f.Unit })
		switch {
		case !f.Key || math.IsNaN(f.Value) || math.IsInf(f.Value, 0): // of which JSON knows nothing
		case i < 0:
			all = append(all, f)
		case (f.Value > all[i].Value) != highIsGood(f.Unit):
			all[i] = f
		}
	}
	return all
}

// highIsGood tells which values of a key figure are better: high rates, but low
// times, losses and counts.
func highIsGood(u record.Unit) bool {
	return u == record.PerSecond || u == record.BitRate || u == passed
}

// File is the history in a folder of results. Nothing is ever removed from it.
const File = "history.ndjson"

// Append adds a run that ended, whose folder is dir, to the history in results.
// Many runs may do so at one time.
func Append(results string, run *record.Run, dir string) error {
	line, err := json.Marshal(NewEntry(run, dir))
	if err != nil {
		return err
	}
	path := filepath.Join(results, File)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer f.Close() // and unlock
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	last := []byte{'\n'}
	if size, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	} else if size == 0 {
		record.Own(path)
	} else if _, err := f.ReadAt(last, size-1); err != nil {
		return err
	}
	if last[0] != '\n' { // a line was cut off, by a loss of power perhaps
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	return err
}

// Read reads the history in results, the oldest run first; if there is none, there
// are no runs. Lines that cannot be read are left out, and told in damage.
func Read(results string) (runs []Entry, damage string, err error) {
	path := filepath.Join(results, File)
	data, err := os.ReadFile(path)
	n, bad := 0, 0
	for line := range bytes.Lines(data) {
		var e Entry
		if n++; json.Unmarshal(line, &e) == nil && e.Version >= 1 && e.Version <= Version && !e.Start.IsZero() {
			runs = append(runs, e)
		} else {
			bad++
			damage = fmt.Sprintf("%s: %d lines are left out, damaged or of a newer lanstorm; the last of them is line %d", path, bad, n)
		}
	}
	slices.SortStableFunc(runs, func(a, b Entry) int { return a.Start.Compare(b.Start) })
	if os.IsNotExist(err) {
		err = nil
	}
	return runs, damage, err
}

// Select finds runs: those of folders, with commas between, or of the history those
// that have all of a text such as "firmware=1.2,place=lab 2": router, firmware,
// interface, verdict, run (the name of its folder) or any label. Nothing is all.
func Select(history []Entry, text string) (runs []Entry, err error) {
	if text != "" && !strings.Contains(text, "=") {
		history = nil
		for dir := range strings.SplitSeq(text, ",") {
			run, err := record.Read(dir)
			if err != nil {
				return nil, fmt.Errorf("no run can be read in %s: %w", dir, err)
			}
			runs = append(runs, NewEntry(run, dir))
		}
	}
	for _, e := range history {
		if e.has(text) {
			runs = append(runs, e)
		}
	}
	if len(runs) == 0 {
		err = errors.New(strings.TrimSpace("the history has no run " + record.Clean(text)))
	}
	return runs, err
}

// has reports whether a run has all that a text says. Values may have commas.
func (e *Entry) has(text string) bool {
	have := []string{"router=" + e.Router, "firmware=" + e.Firmware, "interface=" + e.Interface, "verdict=" + string(e.Verdict), "run=" + e.Folder}
	for name, value := range e.Labels {
		have = append(have, name+"="+value)
	}
	text = "," + text + ","
	for _, value := range have {
		text = strings.Replace(text, ","+value+",", ",", 1)
	}
	return strings.Trim(text, ",") == ""
}
