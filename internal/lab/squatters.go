package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// squatterMAC goes with those of the other links of the lab.
var squatterMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x04}

func squattersOf(parent string) string { return parent + "-squatters" }

// setSquatters lets n hosts have the first addresses of the server's pool. They
// are one namespace behind the router's port: to clients it makes no difference.
func (l *Lab) setSquatters(n int) (err error) {
	if l.squatters != nil {
		err = errors.Join(l.squatters.DeleteLinks(), l.squatters.Delete())
		l.squatters = nil
	}
	if n == 0 || err != nil {
		return err
	}
	ns, err := namespace.CreateMarked(squattersOf(l.Parent), l.opts.Journal.Mark(), namespace.IPv4)
	if err != nil {
		return err
	}
	l.squatters = ns
	addrs := make([]netip.Prefix, min(n, l.room()))
	for i := range addrs {
		addrs[i] = netip.PrefixFrom(nth(l.firstLease(), i), l.opts.Subnet.Bits())
	}
	if err := l.connectHost(ns, squatterMAC, addrs...); err != nil {
		return fmt.Errorf("squatters: %w", err)
	}
	return nil
}
