package steps

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// usage is what a process that runs forever must not use more and more of.
type usage struct{ threads, files, goroutines, slabKB int }

func measure(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	return usage{count("/proc/self/task"), count("/proc/self/fd"), runtime.NumGoroutine(), slab(t)}
}

// slab is the kernel memory that cannot be reclaimed, in KB (proc(5)).
func slab(t *testing.T) int {
	t.Helper()
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(info, []byte("SUnreclaim:"))
	fields := bytes.Fields(rest)
	kb, err := strconv.Atoi(string(fields[0]))
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

// Thirty runs in one process, half of them in labs of their own and half at a
// router that stands, use no more than ten did.
func TestRunsDoNotGrow(t *testing.T) {
	nstest.Need(t)
	c := quick(t, map[string]string{"ping.count": "1", "ping.interval": "10ms", "godog.tags": "@smoke"})
	router, err := lab.Start(c.Lab)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	run := func(times int) {
		for i := range times {
			c := c
			if i%2 == 1 {
				c.Interface = router.Parent
			}
			s := Suite{Config: c, FS: os.DirFS("../features"), Paths: []string{"."}, Output: io.Discard, Notes: io.Discard}
			if code := s.Run(t.Context()); code != ExitPassed {
				t.Fatalf("exit code %d", code)
			}
			if leases, err := router.Leases(); err != nil || leases > 0 {
				t.Fatalf("the router still holds %d leases (%v)", leases, err)
			}
		}
		time.Sleep(500 * time.Millisecond) // the kernel destroys namespaces in its own time
	}
	run(10)
	before := measure(t)
	run(20)
	after := measure(t)
	t.Logf("after 10 runs: %+v, after 30: %+v", before, after)
	// Threads are the scheduler's to keep: a few more are no leak, one a run is.
	if after.threads > before.threads+10 || after.files > before.files || after.goroutines > before.goroutines {
		t.Errorf("after 10 runs: %+v, after 30: %+v", before, after)
	}
	// Other tests, and what the kernel has not come to yet, pass; a leak stays.
	for end := time.Now().Add(time.Minute); after.slabKB > before.slabKB+32<<10 && time.Now().Before(end); {
		time.Sleep(time.Second)
		after = measure(t)
	}
	// Each run makes some 60 clients of some 270 KB: leaked, they would be 300 MB.
	if grown := after.slabKB - before.slabKB; grown > 32<<10 {
		t.Errorf("the kernel's slabs grew by %d KB", grown)
	}
}
