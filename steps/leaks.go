package steps

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// settleTime is how long sockets that are being closed by others, such as the
// lab's servers, may take to go.
const settleTime = time.Second

// leaks lists what a run that is over has left: namespaces and folders with its
// mark, the lab's link, sockets that were not open before, threads that are
// still inside a namespace.
func leaks(run *journal.Run, parent string, inLab bool, before map[string]bool) (left []string) {
	for end := time.Now().Add(settleTime); ; time.Sleep(10 * time.Millisecond) {
		left = sockets(before)
		if left == nil || time.Now().After(end) {
			break
		}
	}
	for _, name := range namespace.Marked(run.Mark()) {
		left = append(left, "namespace "+name)
	}
	links, _ := filepath.Glob(filepath.Join(namespace.EtcDir, "*"))
	for _, path := range links {
		if to, err := os.Readlink(path); err == nil && filepath.Dir(to) == run.Folder() {
			left = append(left, path)
		}
	}
	if _, err := netlink.LinkByName(parent); err == nil && inLab {
		left = append(left, "link "+parent)
	}
	return append(left, strayThreads()...)
}

// openSockets are the sockets and namespaces that this process holds open, by
// what /proc/self/fd calls them, but for the namespace that it lives in.
func openSockets() map[string]bool {
	open := map[string]bool{}
	home, _ := os.Readlink("/proc/self/ns/net")
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if what, err := os.Readlink(fd); err == nil && what != home && (strings.HasPrefix(what, "socket:") || strings.HasPrefix(what, "net:")) {
			open[what] = true
		}
	}
	return open
}

func sockets(before map[string]bool) (left []string) {
	for what := range openSockets() {
		if !before[what] {
			left = append(left, "open file "+what)
		}
	}
	return left
}

// strayThreads are the threads that did not come home.
func strayThreads() (left []string) {
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return []string{fmt.Sprintf("threads could not be counted: %v", err)}
	}
	threads, _ := filepath.Glob("/proc/self/task/*/ns/net")
	for _, t := range threads {
		if ns, err := os.Readlink(t); err == nil && ns != home {
			left = append(left, "thread in "+ns)
		}
	}
	return left
}
