package doctor

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// scratch is a network namespace to try things in. It has no name, so neither
// other programs nor other runs come across it, and nothing but the descriptor
// keeps it alive: should this process be killed, it goes, and a macvlan that
// hangs from the machine's own interface goes with it.
type scratch struct {
	*namespace.NS
	nl *netlink.Handle
}

// newScratch makes a scratch namespace. The caller closes it.
func newScratch() (s *scratch, err error) {
	named, err := namespace.Create(fmt.Sprintf("lanstorm-doctor-%08x", rand.Uint32()))
	if err != nil {
		return nil, err
	}
	s = &scratch{}
	s.NS, err = namespace.Open(named.Name())
	if err := errors.Join(err, named.Delete()); err != nil {
		return nil, err
	}
	if s.nl, err = s.Netlink(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
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

// client is the name of a macvlan in a scratch namespace.
const client = "doctor"

// addMacvlan makes a macvlan in the namespace on a link that h knows, in one
// message as for every client, brings it up and lets it join the others.
func (s *scratch) addMacvlan(h *netlink.Handle, attrs netlink.LinkAttrs) (netlink.Link, error) {
	attrs.Name, attrs.Namespace, attrs.TxQLen = client, netlink.NsFd(s.FD()), -1
	if err := h.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_PRIVATE}); err != nil {
		return nil, fmt.Errorf("macvlan: %w", err)
	}
	link, err := s.nl.LinkByName(client)
	if err != nil {
		return nil, err
	}
	if err := s.nl.LinkSetUp(link); err != nil {
		return nil, fmt.Errorf("macvlan up: %w", err)
	}
	if err := s.nl.LinkSetMacvlanMode(link, netlink.MACVLAN_MODE_BRIDGE); err != nil {
		return nil, fmt.Errorf("macvlan mode bridge: %w", err)
	}
	return link, nil
}
