package journal

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// hostStateFile says what the first run found, for the last one to put back: runs
// that overlap share the folders of ip-netns(8) and the limits of the kernel,
// so none can tell alone when they are no longer needed.
var (
	hostStateFile  = filepath.Join(Dir, "ground.json")
	hostStateDraft = hostStateFile + ".new"
)

type hostState struct {
	Netns    namespace.DirState `json:"netns"`     // /run/netns
	EtcNetns bool               `json:"etc_netns"` // whether /etc/netns was there
	Sysctls  map[string]string  `json:"sysctls"`   // those changed since, as they were
}

func (g hostState) write() error {
	record, err := json.Marshal(g)
	if err != nil {
		return err
	}
	// In one step, so that a death in the middle leaves the old or the new.
	if err = os.WriteFile(hostStateDraft, record, 0o644); err == nil {
		return os.Rename(hostStateDraft, hostStateFile)
	}
	_ = os.Remove(hostStateDraft) // no room for all of it
	return err
}

func readGround() (g hostState, err error) {
	record, err := os.ReadFile(hostStateFile)
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(record, &g)
}

// rememberGround is called with the lock held, before a run makes anything.
func rememberGround() error {
	if _, err := os.Stat(hostStateFile); err == nil {
		return nil // other runs, or what is left of them
	}
	_, err := os.Stat(namespace.EtcDir)
	return hostState{
		Netns:    namespace.CurrentDirState(),
		EtcNetns: err == nil && !madeEtcNetns(),
		Sysctls:  map[string]string{},
	}.write()
}

// madeEtcNetns reports whether a run made /etc/netns, and did not live to
// remove it.
func madeEtcNetns() bool { return namespace.Maker(namespace.EtcDir) != "" }

func removeEtcNetns() error {
	_, err := os.Stat(namespace.EtcDir)
	if err == nil { // asked first: on a read-only disk not even what is not there can be removed
		err = os.Remove(namespace.EtcDir)
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return err
}

// Raise makes a limit of the kernel at least what is needed, such as
// "net/core/netdev_max_backlog". The last run puts it back. A limit that this
// network namespace does not have is not its to raise.
func (r *Run) Raise(key string, least int) error {
	if r == nil {
		return nil
	}
	return locked(func() error {
		path := filepath.Join("/proc/sys", key)
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		old := strings.TrimSpace(string(text))
		if now, err := strconv.Atoi(old); err != nil || now >= least {
			return err
		}
		g, err := readGround()
		if err != nil {
			return err
		}
		if _, known := g.Sysctls[key]; !known {
			g.Sysctls[key] = old
			if err := g.write(); err != nil {
				return err
			}
		}
		return os.WriteFile(path, []byte(strconv.Itoa(least)), 0)
	})
}

// restoreGround is called with the lock held, after a run has removed all that
// it made. It does nothing while there are other runs.
func restoreGround() error {
	if others, err := Records(); err != nil || len(others) > 0 {
		return err
	}
	g, err := readGround()
	if errors.Is(err, os.ErrNotExist) {
		if madeEtcNetns() {
			return removeEtcNetns()
		}
		return nil
	}
	if err != nil {
		return err
	}
	for key, old := range g.Sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(old), 0); err != nil {
			return err
		}
	}
	namespace.RestoreDirState(g.Netns)
	if !g.EtcNetns {
		if err := removeEtcNetns(); err != nil {
			return err
		}
	}
	return os.Remove(hostStateFile)
}
