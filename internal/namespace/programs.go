package namespace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tag is the variable that says in a program's environment in which of our
// namespaces it was started. Its children have it, too, wherever they go; who came
// by himself, as with `ip netns exec`, has not.
const tag = "LANSTORM_CLIENT"

func (n *NS) tag() (string, error) {
	mark, err := n.mark()
	return fmt.Sprintf("%s=%s %s", tag, mark, n.name), err
}

// killTime is how long the kernel may take to end what was killed.
const killTime = 10 * time.Second

// KillPrograms ends what Start has started in the namespaces, with all children.
// Programs that are born meanwhile are ended as well.
func KillPrograms(spaces ...*NS) error {
	ours := map[string]bool{}
	for _, n := range spaces {
		t, err := n.tag()
		if err != nil {
			return err
		}
		ours[t] = true
	}
	for end := time.Now().Add(killTime); ; time.Sleep(time.Millisecond) {
		left, err := killTagged(ours)
		switch {
		case err != nil || left == 0:
			return err
		case time.Now().After(end):
			return fmt.Errorf("%d programs did not end %s after they were killed", left, killTime)
		}
	}
}

// killTagged kills those that carry one of the tags, and returns how many.
func killTagged(tags map[string]bool) (n int, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		process, err := os.FindProcess(pid) // holds on to it: another with this pid is not meant
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join(dir, "environ")) // nothing of one that has ended
		for v := range bytes.SplitSeq(environ, []byte{0}) {
			if !tags[string(v)] {
				continue
			}
			if err := process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return n, fmt.Errorf("program %d of %s: %w", pid, v, err)
			}
			n++
		}
		_ = process.Release()
	}
	return n, nil
}
