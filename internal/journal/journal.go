// Package journal writes down what a run is about to make, so that whatever
// becomes of the run, the next one can undo it. Each run has a folder in
// /run/lanstorm with one file: append-only, locked for as long as the run's
// process lives.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// Dir is where all runs of this machine keep their journals.
	Dir      = "/run/lanstorm"
	fileName = "journal"
)

// Run is the journal of a run under way. All methods may be called on a nil
// Run, which writes nothing down, and from many goroutines.
type Run struct {
	id, dir string
	mu      sync.Mutex
	file    *os.File // locked
	torn    bool     // its last line has no end
}

// Begin opens the journal of a new run. command says, in a word or two, what
// the run is.
func Begin(command string) (r *Run, err error) {
	r = &Run{}
	err = locked(func() error {
		err := rememberGround()
		if err == nil {
			err = r.begin(command)
		}
		if err != nil { // nothing was made yet, so there is nothing to keep
			return errors.Join(err, r.remove())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("journal in %s: %w", Dir, err)
	}
	return r, nil
}

func (r *Run) begin(command string) (err error) {
	now := time.Now()
	r.dir, err = os.MkdirTemp(Dir, fmt.Sprintf("%s-%d.*", now.Format("20060102-150405"), os.Getpid()))
	if err != nil {
		return err
	}
	r.id = filepath.Base(r.dir)
	if err := os.Chmod(r.dir, 0o755); err != nil {
		return err
	}
	// It gets its name when it is locked: unlocked, it would be a dead run's
	// to whoever looks at that moment.
	path := filepath.Join(r.dir, fileName)
	if r.file, err = os.OpenFile(path+".new", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
		return err
	}
	if !takeLock(r.file, runLock) {
		return errors.New("the file system has no locks")
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return r.Record(Entry{Run: &Header{PID: os.Getpid(), Started: now, Command: command}})
}

// Record writes e down, in one write(2), so that a reader sees it whole or
// torn at the end of the file. It survives the process, not the machine: nor
// does what it speaks of.
func (r *Run) Record(e Entry) error {
	if r == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line = append(line, '\n')
	if r.torn { // the next line must not become a part of it
		line = append([]byte{'\n'}, line...)
	}
	n, err := r.file.Write(line)
	r.torn = n < len(line) && (n > 0 || r.torn)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Folder is where the run may keep files of its own, until End removes them.
func (r *Run) Folder() string {
	if r == nil {
		return filepath.Join(Dir, "-")
	}
	return r.dir
}

// Mark is what the run's namespaces carry.
func (r *Run) Mark() string {
	if r == nil {
		return mark("-")
	}
	return mark(r.id)
}

// Claim takes the parent for this run alone, until End. It is an error when
// another run has it.
func (r *Run) Claim(parent string) error {
	if r == nil {
		return nil
	}
	return locked(func() error {
		others, err := r.others()
		if err != nil {
			return err
		}
		for _, o := range others {
			switch since := o.Started.Format(time.TimeOnly); {
			case o.Parent != parent:
			case o.Live:
				return fmt.Errorf("interface %s: in use by another run (pid %d, since %s); wait for it, or end it with: kill %d", parent, o.PID, since, o.PID)
			case o.Undone:
				return fmt.Errorf("interface %s: another lanstorm is just removing what is left there of the run of %s; try again when it is done", parent, since)
			}
		}
		return r.Record(Entry{Parent: parent})
	})
}

// Reserve finds the lowest n numbers in a row, from at least on, that no
// clients of any run have, and writes down that clients of these numbers are
// about to be made.
func (r *Run) Reserve(prefix string, n, least int) (b Block, err error) {
	b = Block{Prefix: prefix, First: least, Count: n}
	if r == nil {
		return b, nil
	}
	err = locked(func() error {
		all, err := Records()
		if err != nil {
			return err
		}
		var taken []Block
		for _, o := range all {
			taken = append(taken, o.Blocks...)
		}
		slices.SortFunc(taken, func(a, b Block) int { return a.First - b.First })
		for _, t := range taken {
			if t.overlaps(b.First, n) {
				b.First = t.First + t.Count
			}
		}
		return r.Record(Entry{Clients: &b})
	})
	return b, err
}

// End closes the journal of a run of which nothing is left, and removes it.
func (r *Run) End() error {
	if r == nil {
		return nil
	}
	return locked(r.remove)
}

// remove is called with the lock of all held.
func (r *Run) remove() error {
	if r.file != nil {
		defer r.file.Close()
	}
	if r.dir != "" {
		if err := os.RemoveAll(r.dir); err != nil {
			return err
		}
	}
	return restoreGround()
}

// Abandon closes the journal but keeps it: there is something left to undo.
func (r *Run) Abandon() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}

// TakeOver reopens the journal of a run whose process has died, to undo it. It
// is nil when the process is alive after all, or somebody else undoes the run.
func TakeOver(id string) (*Run, error) {
	dir := filepath.Join(Dir, id)
	f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if isHeld(f, runLock) || !takeLock(f, undoLock) || !stillThere(f) {
		return nil, f.Close()
	}
	return &Run{id: id, dir: dir, file: f}, nil
}

// Tidy removes what runs left that died before they had a journal. No run is
// beginning while it has the lock.
func Tidy() error {
	if _, err := os.Stat(Dir); errors.Is(err, os.ErrNotExist) && !madeEtcNetns() {
		return nil
	}
	return locked(func() error {
		if err := os.Remove(hostStateDraft); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		dirs, err := filepath.Glob(filepath.Join(Dir, "*-*.*"))
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			if _, err := os.Stat(filepath.Join(dir, fileName)); errors.Is(err, os.ErrNotExist) {
				if err := os.RemoveAll(dir); err != nil {
					return err
				}
			}
		}
		return restoreGround()
	})
}

// Records reads the journals of all runs, oldest first.
func Records() ([]Record, error) {
	dirs, err := filepath.Glob(filepath.Join(Dir, "*", fileName))
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, path := range dirs {
		r, err := read(filepath.Dir(path))
		if errors.Is(err, os.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// others are the records of all runs but this.
func (r *Run) others() ([]Record, error) {
	all, err := Records()
	return slices.DeleteFunc(all, func(o Record) bool { return o.ID == r.id }), err
}
