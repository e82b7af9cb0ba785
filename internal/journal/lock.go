package journal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A journal has two locks, a byte each, that need not exist: one is held by the
// run for as long as its process lives, the other by whoever undoes the run
// after that. They are of fcntl(2)'s kind that belongs to the open file
// (F_OFD_SETLK), since those can be asked for without being taken: a look at a
// journal must not make it seem busy to somebody else who looks.
const (
	runLock int64 = iota
	undoLock
)

func lockByte(which int64) *unix.Flock_t {
	return &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: which, Len: 1}
}

// takeLock reports whether the lock is f's now; f is open for writing.
func takeLock(f *os.File, which int64) bool {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, lockByte(which)) == nil
}

// isHeld reports whether the lock is another open file's.
func isHeld(f *os.File, which int64) bool {
	lock := lockByte(which)
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, lock) == nil && lock.Type != unix.F_UNLCK
}

// locked runs fn while no other process is in it. The lock is on Dir itself,
// which is removed when fn leaves it empty.
func locked(fn func() error) error {
	for {
		if err := os.MkdirAll(Dir, 0o755); err != nil {
			return err
		}
		d, err := os.Open(Dir)
		if os.IsNotExist(err) {
			continue // removed since
		}
		if err != nil {
			return err
		}
		for err = unix.EINTR; err == unix.EINTR; {
			err = unix.Flock(int(d.Fd()), unix.LOCK_EX)
		}
		current := stillThere(d)
		if err == nil && current {
			err = fn()
			_ = os.Remove(Dir) // fails, rightly, unless empty
		}
		d.Close()
		if err != nil || current {
			return err
		}
	}
}

// stillThere reports whether f is what its name stands for now.
func stillThere(f *os.File) bool {
	now, err := os.Stat(f.Name())
	if err != nil {
		return false
	}
	then, err := f.Stat()
	return err == nil && os.SameFile(now, then)
}
