package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// A standing lab is one that outlives the command that started it. Its process
// holds a lock on this file, in which it says what it made.
var standingFile = filepath.Join(runDir, "lab.json")

// Standing is what is known of a lab that stands for people to look at.
type Standing struct {
	PID        int      `json:"pid"`
	Parent     string   `json:"parent"`
	Router     string   `json:"router"`
	Namespaces []string `json:"namespaces"`
}

// Serve builds a lab and keeps it standing until ctx ends. There is at most
// one such lab at a time. ready is called when it stands.
func Serve(ctx context.Context, opts Options, ready func(Standing)) (err error) {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return err
	}
	defer os.Remove(runDir) // fails, rightly, while others use it
	f, err := os.OpenFile(standingFile, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if !lock(f) {
		s, _ := readStanding()
		return fmt.Errorf("a lab is standing already (pid %d, interface %s): take it down with: lanstorm lab down", s.PID, s.Parent)
	}
	if s, err := readStanding(); err == nil { // its process died
		if err := s.remove(); err != nil {
			return err
		}
	}
	l, err := Start(opts)
	if err != nil {
		return errors.Join(err, os.Remove(standingFile))
	}
	defer func() { err = errors.Join(err, l.Close(), os.Remove(standingFile)) }()

	s := Standing{PID: os.Getpid(), Parent: l.Parent, Router: l.Router.String(), Namespaces: l.Namespaces()}
	record, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, record)); err != nil {
		return err
	}
	ready(s)
	<-ctx.Done()
	return nil
}

// downTime bounds how long a standing lab may take to go.
const downTime = 10 * time.Second

// Down takes the standing lab down, also one whose process was killed. It
// returns os.ErrNotExist when there is none.
func Down() (Standing, error) {
	f, err := os.Open(standingFile)
	if err != nil {
		return Standing{}, os.ErrNotExist
	}
	defer f.Close()
	s, err := readStanding()
	if err != nil {
		return s, fmt.Errorf("%s: %w", standingFile, err)
	}
	if lock(f) { // nobody else holds it: its process died
		err := errors.Join(s.remove(), os.Remove(standingFile))
		_ = os.Remove(runDir)
		return s, err
	}
	// The process that holds the lock is alive, so the number is still its.
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
		return s, fmt.Errorf("pid %d: %w", s.PID, err)
	}
	for end := time.Now().Add(downTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if lock(f) {
			return s, nil
		}
	}
	return s, fmt.Errorf("the lab (pid %d) is still there after %s", s.PID, downTime)
}

// remove takes away what a process that died left of its lab.
func (s Standing) remove() error {
	errs := []error{deleteLink(s.Parent), os.RemoveAll(filepath.Join(runDir, s.Parent))}
	for _, name := range s.Namespaces {
		ns, err := namespace.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = ns.Delete()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func lock(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func readStanding() (s Standing, err error) {
	record, err := os.ReadFile(standingFile)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(record, &s)
}

func writeAt(f *os.File, b []byte) error {
	_, err := f.WriteAt(b, 0)
	return err
}
