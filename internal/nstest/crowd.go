package nstest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Everybody is as many clients as tests may have at one time, those of all
// packages together. The kernel's table of neighbours is one for all namespaces
// (neighbour.c), a client needs three or four places in it, and of 1024, the
// default, no more can be had in a namespace.
const Everybody = 240

// Crowd waits until a test may have so many clients, at most Everybody. Who wants
// fewer than 30 need not ask. The test gives them back when it is over.
func Crowd(tb testing.TB, clients int) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "lanstorm-test-crowd"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() }) // and with it the locks
	// Each client is a byte of the file. The first byte is a door: only who is in
	// it takes some, for many small crowds would keep a large one waiting.
	lock := func(at int, kind int16) bool {
		return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: int64(at), Len: 1}) == nil
	}
	const pause = 5 * time.Millisecond
	for !lock(0, unix.F_WRLCK) {
		time.Sleep(pause)
	}
	var mine [1 + Everybody]bool
	for ; clients > 0; time.Sleep(pause) {
		for at := 1; at <= Everybody && clients > 0; at++ {
			if !mine[at] && lock(at, unix.F_WRLCK) {
				mine[at] = true
				clients--
			}
		}
	}
	lock(0, unix.F_UNLCK)
}
