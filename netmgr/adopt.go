package netmgr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Adopt takes over what is left of the clients of a run whose process died, so
// that Cleanup removes it. r is the record of that run, run its journal taken
// over. What the record names but the run's mark does not vouch for is
// somebody else's by now, and left alone.
func Adopt(r journal.Record, run *journal.Run) (*NetworkManager, error) {
	machine, err := machineID()
	if err != nil {
		return nil, err
	}
	drafts, err := filepath.Glob(filepath.Join(namespace.EtcDir, draftPrefix(r.Mark())+"*"))
	if err != nil {
		return nil, err
	}
	link, err := netlink.LinkByName(r.Parent)
	if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, err
	}
	m := newNetworkManager(Options{Journal: run}.withDefaults(), netlink.LinkAttrs{}, machine)
	m.programs.Store(true)
	m.unfinished = drafts // r.Blocks stay as they are: the journal will be removed as a whole
	if link != nil {
		m.parent = *link.Attrs()
	}
	for _, b := range r.Blocks {
		m.opts.Prefix = b.Prefix
		for i := b.First; i < b.First+b.Count; i++ {
			c := m.newClient(i)
			m.stubs = append(m.stubs, c.Name)
			if c.ns, err = namespace.OpenMarked(c.Name, r.Mark()); err != nil {
				return nil, err
			}
			if c.etc, err = ownsEtc(c.etcDir(), r.Mark()); err != nil {
				return nil, err
			}
			if l := r.Leases[i]; l.Held() && c.ns != nil {
				c.granted, c.leased = l, true
			}
			if l := r.Leases6[i]; l.Held() && c.ns != nil {
				c.six.granted, c.six.leased = l, true
			}
			if c.ns != nil || c.etc {
				m.clients = append(m.clients, c)
			}
		}
	}
	return m, nil
}

// ownsEtc reports whether dir is one that a client of the run with this mark
// made.
func ownsEtc(dir, mark string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, "resolv.conf"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return strings.HasPrefix(string(text), "# "+mark+":"), err
}

// Disown lets go of clients and leaves them standing.
func (m *NetworkManager) Disown() error {
	var errs []error
	for _, c := range m.clients {
		if c.ns != nil {
			errs = append(errs, c.ns.Close())
		}
	}
	m.clients = nil
	return errors.Join(errs...)
}

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
