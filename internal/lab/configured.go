package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// configured is a program that reads in a file, when it starts, what it is to
// do.
type configured struct {
	*program
	args     []string // name, among others, its configuration
	confFile string
	conf     *template.Template // of settings
	names    bool               // it is the router's name server, too; otherwise the built-in one is
	ipv6     bool               // it speaks that
	prepare  func() error       // before it starts; may be nil

	leaseFile string
	count     func(leases string, now time.Time) int // of those in force; nil: nobody knows
	save      func() error                           // brings leaseFile up to date; nil: it always is

	config []byte // of the router as it behaves now; nil for one that is silent
	wrote  []byte // the configuration that it last began with
}

// settings are what a configuration may say.
type settings struct {
	fault.Conditions
	Subnet, LAN         netip.Prefix // LAN: with the address of the router
	Mask                net.IP
	Router, First, Last netip.Addr
	Offset, Seconds     int // of the first lease in the subnet; of the lease time
	PingCheck           bool
	IPv6                IPv6
	Range6              string // of dnsmasq
	Prefix6             netip.Prefix
	Router6             netip.Addr // in it
	First6, Last6       netip.Addr // invalid if there is nothing to lease
	Preferred           int        // seconds, of Seconds
	Leases              string     // the file
}

// serveConfigured makes c the router's DHCP server, which starts when it is
// told how to behave.
func (l *Lab) serveConfigured(c *configured) error {
	l.server = c
	if c.names {
		return nil
	}
	return l.forwardDNS(new(atomic.Bool))
}

func (p *configured) render(c fault.Conditions) ([]byte, error) {
	l := p.lab
	var b bytes.Buffer
	s := settings{
		Conditions: c, Subnet: l.opts.Subnet, LAN: l.lan(), Mask: net.IP(net.CIDRMask(l.opts.Subnet.Bits(), 32)),
		Router: l.Router, First: l.firstLease(), Last: nth(l.firstLease(), c.Pool-1),
		Offset: firstHost, Seconds: int(c.LeaseTime / time.Second), PingCheck: l.opts.PingCheck, Leases: p.leaseFile,
		IPv6: l.opts.IPv6, Range6: dnsmasqRanges[l.opts.IPv6], Prefix6: l.ipv6.prefix, Router6: routerIn(l.ipv6.prefix), Preferred: int(c.LeaseTime / 2 / time.Second),
	}
	if l.opts.IPv6.leases() {
		s.First6, s.Last6 = nth(s.Prefix6.Addr(), firstHost6), nth(s.Prefix6.Addr(), firstHost6+pool6-1)
	}
	err := p.conf.Execute(&b, s)
	return b.Bytes(), err
}

// obey runs the program anew when c changes its configuration. It reads its
// leases from their file then.
func (p *configured) obey(c fault.Conditions) (err error) {
	p.config = nil
	if !c.SilentDHCP || p.names || p.ipv6 {
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

// lanIsUp waits for the carrier of the LAN, and for an address of that link alone if
// the program needs one, unless the link is down.
func (p *configured) lanIsUp() (up bool, err error) {
	down := false
	has := by(time.Now().Add(carrierTime), func() bool {
		var lan *net.Interface
		err = p.lab.router.Do(func() (err error) {
			lan, err = net.InterfaceByName("lan")
			return err
		})
		down = err != nil || lan.Flags&net.FlagUp == 0
		return down || lan.Flags&net.FlagRunning != 0 && (!p.ipv6 || p.lab.hasLinkLocal())
	})
	if !has {
		err = fmt.Errorf("no carrier on lan after %s", carrierTime)
	}
	return has && !down, err
}

// by waits for what will be so before end, and reports whether it is.
func by(end time.Time, so func() bool) bool {
	for !so() {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
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
