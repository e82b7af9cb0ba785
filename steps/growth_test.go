package steps

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// usage is what a process that runs forever must not use more and more of.
type usage struct{ threads, files, goroutines, mounts int }

func take(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return usage{
		count("/proc/self/task"), count("/proc/self/fd"), runtime.NumGoroutine(),
		bytes.Count(mounts, []byte("\n")),
	}
}

// namespaces counts those of labs and clients that the kernel has not destroyed
// yet. Each has a number here from when it is made, or let go of, until then
// (RTM_GETNSID in rtnetlink(7)).
func namespaces(t *testing.T) int {
	t.Helper()
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, unix.NLM_F_DUMP)
	req.AddData(&nl.RtGenMsg{})
	numbers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNSID)
	if err != nil {
		t.Fatal(err)
	}
	return len(numbers)
}

// eventually waits for what takes the kernel, or a server, its time.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what)
		}
	}
}

// Seventeen runs in one process, half of them in labs of their own and half at a
// router that stands, use no more than five did.
func TestRunsDoNotGrow(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	c := quick(t, map[string]string{"ping.count": "1", "ping.interval": "10ms", "ping.timeout": "10s", "dhcp.timeout": "30s", "godog.tags": "@smoke"})
	router, err := lab.Start(c.Lab)
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	standing := namespaces(t)
	run := func(times int) {
		for i := range times {
			c := c
			if i%2 == 1 {
				c.Interface = router.Parent
			}
			s := Suite{Config: c, FS: os.DirFS("../features"), Paths: []string{"."}, Output: io.Discard, Notes: io.Discard}
			if code := s.Run(t.Context()); code != ExitPassed && code != ExitInconclusive {
				t.Fatalf("exit code %d", code)
			}
			eventually(t, "the router holds no lease", func() bool {
				leases, err := router.Leases()
				return err == nil && leases == 0
			})
		}
		eventually(t, "the kernel has destroyed their namespaces", func() bool { return namespaces(t) == standing })
	}
	run(5)
	before := take(t)
	run(12)
	after := take(t)
	t.Logf("after 5 runs: %+v, after 17: %+v", before, after)
	// Threads are the scheduler's to keep: a few more are no leak, one a run is.
	if after.threads > before.threads+10 || after.files > before.files || after.goroutines > before.goroutines || after.mounts > before.mounts {
		t.Errorf("after 5 runs: %+v, after 17: %+v", before, after)
	}
}
