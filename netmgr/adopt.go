package netmgr

import (
	"errors"
	"os"
	"path/filepath"
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
