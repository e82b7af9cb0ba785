package doctor

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Nobody tries lanstorm on older kernels (docs/kernels.md).
const oldestMajor, oldestMinor = 6, 1

// checkKernel reads what `uname -r` prints.
func (e *exam) checkKernel() Check {
	release, err := machine.Line(e.root, "proc/sys/kernel/osrelease")
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return skipped("cannot be told: the kernel calls itself %q", release)
	}
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return problem("upgrade the system: Debian 12 and the Raspberry Pi OS made from it are new enough",
			"Linux %s is too old: lanstorm needs %d.%d or newer", release, oldestMajor, oldestMinor)
	}
	return ok("Linux %s", release)
}

// A kernel is asked for a feature by using it: configuration files and lists
// of modules tell neither what is built in nor what may be loaded.

func (e *exam) checkNamespaces() Check {
	ns, err := namespace.Create(fmt.Sprintf("lanstorm-doctor-%08x", rand.Uint32()))
	if err == nil {
		err = errors.Join(ns.Do(func() error { return nil }), ns.Delete())
	}
	if err != nil {
		return problem("use a kernel with CONFIG_NET_NS; in a container, add CAP_SYS_ADMIN or --privileged",
			"a network namespace cannot be used: %v", err)
	}
	return ok("one was made, entered and removed")
}

// checkSockets opens what DHCP and ping need. Nothing is sent, and for a
// packet socket of protocol 0 nothing is received (packet(7)).
func (e *exam) checkSockets() Check {
	for _, s := range []struct {
		name                   string
		family, kind, protocol int
		remedy                 string
	}{
		{"packet", unix.AF_PACKET, unix.SOCK_DGRAM, 0, "sudo modprobe af_packet; if there is no such module, use a kernel with CONFIG_PACKET"},
		{"raw ICMP", unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, "use a kernel with CONFIG_INET; in a container, add CAP_NET_RAW"},
	} {
		fd, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.protocol)
		if err != nil {
			return problem(s.remedy, "a %s socket cannot be opened: %v", s.name, err)
		}
		_ = unix.Close(fd)
	}
	return ok("packet and raw ICMP sockets open")
}

func (e *exam) checkVeth() Check {
	err := inScratch(func(s *scratch) error {
		_, err := s.addVeth()
		return err
	})
	return tried(err, "a pair", "veth", "CONFIG_VETH")
}

// checkMacvlan makes a macvlan as clients are made: in one namespace, on a
// link of another, and its mode is changed while it is up.
func (e *exam) checkMacvlan() Check {
	err := inScratch(func(lan *scratch) error {
		parent, err := lan.addVeth()
		if err != nil {
			return errNoTrial{err}
		}
		return netmgr.TryLink(lan.nl, parent.Attrs())
	})
	return tried(err, "one", "macvlan", "CONFIG_MACVLAN")
}

// checkMasquerade makes the rule that the lab's router has.
func (e *exam) checkMasquerade() Check {
	err := inScratch(func(s *scratch) error { return lab.Masquerade(s.NS, "wan") })
	return tried(err, "an nftables rule", "nft_masq", "CONFIG_NF_TABLES, CONFIG_NFT_NAT and CONFIG_NFT_MASQ")
}

// errNoTrial says that a trial failed before it came to its point.
type errNoTrial struct{ error }

// tried is what came of making something that takes a module.
func tried(err error, what, module, config string) Check {
	switch {
	case errors.As(err, &errNoTrial{}):
		return skipped("cannot be tried: %v", err)
	case err != nil:
		return problem(fmt.Sprintf("sudo modprobe %s; if there is no such module, use a kernel with %s", module, config),
			"the kernel refuses: %v", err)
	}
	return ok("%s was made and removed", what)
}

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
