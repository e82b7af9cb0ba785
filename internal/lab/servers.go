package lab

import (
	"net/netip"
	"sync/atomic"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// builtin is the router's own DHCP and DNS servers.
type builtin struct {
	dhcp      *dhcpServer
	silentDNS atomic.Bool
}

func (l *Lab) serveBuiltin() (err error) {
	b := &builtin{}
	if b.dhcp, err = l.serveDHCP(); err != nil {
		return err
	}
	l.server = b
	return l.forwardDNS(&b.silentDNS)
}

// forwardDNS starts the router's own name server.
func (l *Lab) forwardDNS(silent *atomic.Bool) error {
	f := forwarder{
		router:   l.router,
		upstream: netip.AddrPortFrom(googleDNS, 53),
		silent:   silent,
	}
	err := l.serveDNS(l.router, l.Router, f)
	if err == nil && l.opts.IPv6 != NoIPv6 {
		err = l.serveDNS(l.router, netip.IPv6Unspecified(), f) // whatever its addresses are
	}
	return err
}

func (b *builtin) obey(c fault.Conditions) error {
	b.silentDNS.Store(c.SilentDNS)
	b.dhcp.obey(c)
	return nil
}

func (b *builtin) forget() error {
	b.dhcp.pool.forget()
	b.dhcp.restart()
	return nil
}

func (b *builtin) linkIsUp() error { return b.dhcp.linkIsUp() }

func (b *builtin) leases() (int, error) { return b.dhcp.pool.leases(), nil }
