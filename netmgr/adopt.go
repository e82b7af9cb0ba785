package netmgr

import (
	"errors"
	"path/filepath"

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
	link, err := netlink.LinkByName(r.Parent)
	if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, err
	}
	m := newNetworkManager(Options{Journal: run}.withDefaults(), netlink.LinkAttrs{}, machine)
	m.programs.Store(true)
	// r.Blocks stay as they are: the journal will be removed as a whole, and the folders
	// that links in /etc/netns lead to.
	if m.unfinished, err = filepath.Glob(filepath.Join(namespace.EtcDir, m.etcDraft()+"*")); err != nil {
		return nil, err
	}
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
			if m.ownsEtc(c.etcLink()) {
				c.etc = &etcFolder{}
			}
			if l := r.Leases[i]; l.Held() && c.ns != nil {
				c.granted, c.leased = l, true
			}
			if l := r.Leases6[i]; l.Held() && c.ns != nil {
				c.six.granted, c.six.leased = l, true
			}
			if c.ns != nil || c.etc != nil {
				m.clients = append(m.clients, c)
			}
		}
	}
	return m, nil
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
