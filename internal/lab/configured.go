package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// configured is a program that reads in a file, when it starts, what it is to
// do. It serves DHCP only: the router's name server is the built-in one.
type configured struct {
	*program
	args     []string // name, among others, its configuration
	confFile string
	render   func(fault.Conditions) ([]byte, error) // its configuration
	prepare  func() error                           // before it starts; may be nil

	leaseFile string
	count     func(leases string, now time.Time) int // of those in force; nil: nobody knows
	save      func() error                           // brings leaseFile up to date; nil: it always is

	config []byte // of the router as it behaves now; nil for one that is silent
	wrote  []byte // the configuration that it last began with
}

// serveConfigured makes c the router's DHCP server, which starts when it is
// told how to behave.
func (l *Lab) serveConfigured(c *configured) error {
	l.server = c
	return l.forwardDNS(new(atomic.Bool))
}

// obey runs the program anew when c changes its configuration. It reads its
// leases from their file then.
func (p *configured) obey(c fault.Conditions) (err error) {
	p.config = nil
	if !c.SilentDHCP {
		if p.config, err = p.render(c); err != nil {
			return err
		}
	}
	if p.cmd != nil && !bytes.Equal(p.config, p.wrote) {
		err = p.saveLeases()
		p.stop()
	}
	return errors.Join(err, p.serve())
}

func (p *configured) forget() error {
	p.stop()
	if err := os.Remove(p.leaseFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return p.serve()
}

// linkIsUp starts the program if it was to forget its leases meanwhile.
func (p *configured) linkIsUp() error { return p.serve() }

// serve starts the program if it should run and does not. On a link that is
// down, or that has no carrier yet, Kea would open no socket and not look again.
func (p *configured) serve() error {
	if p.cmd != nil || p.config == nil {
		return nil
	}
	if serves, err := p.lanIsUp(); !serves {
		return err
	}
	if err := os.WriteFile(p.confFile, p.config, 0o644); err != nil {
		return err
	}
	p.wrote = p.config
	if p.prepare != nil {
		if err := p.prepare(); err != nil {
			return err
		}
	}
	return p.start(p.args...)
}

// lanIsUp waits for the carrier of the LAN, unless its link is down.
func (p *configured) lanIsUp() (bool, error) {
	for end := time.Now().Add(carrierTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var lan *net.Interface
		err := p.lab.router.Do(func() (err error) {
			lan, err = net.InterfaceByName("lan")
			return err
		})
		if err != nil || lan.Flags&net.FlagUp == 0 {
			return false, err
		}
		if lan.Flags&net.FlagRunning != 0 {
			return true, nil
		}
	}
	return false, fmt.Errorf("no carrier on lan after %s", carrierTime)
}

func (p *configured) saveLeases() error {
	if p.save == nil || p.cmd == nil {
		return nil
	}
	return p.save()
}

func (p *configured) leases() (int, error) {
	if p.count == nil {
		return 0, fmt.Errorf("%s tells nobody of its leases: %w", p.name, errors.ErrUnsupported)
	}
	if err := p.saveLeases(); err != nil {
		return 0, err
	}
	file, err := os.ReadFile(p.leaseFile)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return p.count(string(file), time.Now()), err
}

// options are what leases say besides their address: the router and the name
// server, unless c is against it. The names are those of IANA, which Kea and
// dhcpd use.
func (l *Lab) options(c fault.Conditions) map[string]string {
	options := map[string]string{"routers": l.Router.String(), "domain-name-servers": l.Router.String()}
	if c.NoGateway {
		delete(options, "routers")
	}
	if c.NoDNS {
		delete(options, "domain-name-servers")
	}
	return options
}
