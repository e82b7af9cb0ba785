package doctor

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// scratch is a nameless network namespace to try things in.
type scratch struct {
	*namespace.NS
	nl *netlink.Handle
}

// newScratch makes a scratch namespace. The caller closes it.
func newScratch() (*scratch, error) {
	ns, err := namespace.Nameless()
	if err != nil {
		return nil, err
	}
	nl, err := ns.Netlink()
	if err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return &scratch{ns, nl}, nil
}

// close removes the links first, for the kernel destroys a namespace only some
// time after it was given up.
func (s *scratch) close() error {
	s.nl.Close()
	return errors.Join(s.DeleteLinks(), s.Close())
}

// inScratch calls try with a scratch namespace that is gone when it returns.
func inScratch(try func(*scratch) error) (err error) {
	s, err := newScratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return try(s)
}

// addVeth makes a pair of links inside the namespace and returns the near one.
func (s *scratch) addVeth() (netlink.Link, error) {
	const near, far = "near", "far"
	err := s.nl.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near, TxQLen: -1}, PeerName: far})
	if err != nil {
		return nil, fmt.Errorf("veth: %w", err)
	}
	return s.nl.LinkByName(near)
}
