package netmgr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// After a loss of power /run is empty, with the journals and the namespaces, but
// /etc is as it was. So what runs left in /etc/netns has to speak for itself.
var (
	makerOf = regexp.MustCompile(`^(?:# )?(lanstorm [0-9]+-[0-9]+-[0-9]+\.[0-9]+): ([^,\n]+)`)
	draftOf = regexp.MustCompile(`^\.(lanstorm)-([0-9]+-[0-9]+-[0-9]+\.[0-9]+)\.[0-9]+$`)
)

// RemoveOrphans removes the folders in /etc/netns of runs that have no journal,
// or in a dry run only counts them.
func RemoveOrphans(dry bool) (n int, err error) {
	dirs, err := os.ReadDir(namespace.EtcDir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	marks := map[string]string{}
	for _, d := range dirs {
		if d.IsDir() && !namespace.Exists(d.Name()) {
			dir := filepath.Join(namespace.EtcDir, d.Name())
			marks[dir] = makerMark(dir)
		}
	}
	// Asked for after the folders: a run has its journal before it makes any.
	runs, err := journal.Records()
	if err != nil {
		return 0, err
	}
	known := map[string]bool{"": true}
	for _, r := range runs {
		known[r.Mark()] = true
	}
	var errs []error
	for dir, mark := range marks {
		if known[mark] {
			continue
		}
		if !dry {
			if err := errors.Join(removeFile(filepath.Join(dir, "resolv.conf")), removeFile(dir)); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		n++
	}
	return n, errors.Join(errs...)
}

// makerMark is the mark of the run that made dir; empty when no run did, or when
// somebody has put something of his own into it.
func makerMark(dir string) string {
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 1 || len(files) == 1 && (files[0].Name() != "resolv.conf" || !files[0].Type().IsRegular()) {
		return ""
	}
	if draft := draftOf.FindStringSubmatch(filepath.Base(dir)); draft != nil {
		return draft[1] + " " + draft[2]
	}
	text, err := os.ReadFile(filepath.Join(dir, "resolv.conf"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if len(bytes.Trim(text, "\x00")) == 0 { // it had not reached the disk
		text = []byte(namespace.Maker(dir))
	}
	maker := makerOf.FindSubmatch(text)
	if maker == nil || string(maker[2]) != filepath.Base(dir) {
		return ""
	}
	return string(maker[1])
}

func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
