package lab

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// rebootTime is how long the router is away: for a real one it is a minute,
// but clients see no more of it than of a moment.
const rebootTime = 500 * time.Millisecond

// Reboot is a power cut: the links of the router go down, its leases and the
// addresses it translates are forgotten, and it comes back. What is wrong with
// it stays wrong. Reboot returns when the LAN has carrier again, and tells when it
// had it no more.
func (l *Lab) Reboot() (down time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return time.Now(), nil
	}
	l.broken = true
	errs := []error{l.plug("lan", false)}
	down = time.Now()
	errs = append(errs, l.plug("wan", false), l.forget())
	time.Sleep(rebootTime)
	if l.now.RebootPrefix && l.ipv6.prefix.IsValid() {
		l.ipv6.reboots++
		errs = append(errs, l.setIPv6(l.now))
	}
	if !l.now.InternetDown {
		errs = append(errs, l.plug("wan", true))
	}
	errs = append(errs, l.plug("lan", true), l.server.linkIsUp(), l.awaitCarrier())
	if l.ipv6.dhcp != nil {
		errs = append(errs, l.ipv6.dhcp.linkIsUp())
	}
	if l.ipv6.advertiser != nil {
		l.ipv6.advertiser.linkIsUp()
	}
	if err := errors.Join(errs...); err != nil {
		return down, fmt.Errorf("reboot: %w", err)
	}
	return down, nil
}

// rebootAlone is a reboot that nobody asked for. Reset tells how it went.
func (l *Lab) rebootAlone() {
	if _, err := l.Reboot(); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed = errors.Join(l.failed, err)
	}
}

// plug takes a link of the router up or down, and with it the routes that lead
// over it.
func (l *Lab) plug(name string, up bool) error {
	h, err := l.router.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	if !up {
		return h.LinkSetDown(link)
	}
	if err := h.LinkSetUp(link); err != nil {
		return err
	}
	if name == "wan" {
		return l.routeToProvider(h)
	}
	return nil
}

// carrierTime is how long a link may take until the kernel calls it usable: it
// reports such changes once a second at most (link_watch.c), and late when busy.
const carrierTime = 20 * time.Second

// awaitCarrier waits until the host's end of the LAN works again.
func (l *Lab) awaitCarrier() error {
	for end := time.Now().Add(carrierTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		link, err := netlink.LinkByName(l.Parent)
		if err == nil && link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 {
			return nil
		}
	}
	return fmt.Errorf("no carrier on %s after %s", l.Parent, carrierTime)
}
