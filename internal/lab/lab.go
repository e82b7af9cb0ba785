// Package lab is a virtual home router with a LAN in front of it and a little
// Internet behind it, for people without a router at hand. It is made of
// network namespaces, veth pairs and nftables; its own DHCP, DNS and web servers
// run in this process.
//
//	host            namespace lab0-router           namespace lab0-internet
//	lab0 ---------- lan 10.77.0.1/16
//	                    2001:db8:77::1/64
//	                wan 203.0.113.2 (NAT) --------- isp 203.0.113.1
//	                    2001:db8:ffff::2                2001:db8:ffff::1
//	                                                lo  8.8.8.8, 1.1.1.1 (DNS), 198.51.100.80 (HTTP, HTTPS)
//	                                                    2001:4860:4860::8888, 2606:4700:4700::1111 (DNS)
//	                                                    2001:db8:80::80 (HTTP, HTTPS)
package lab

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Options says what router to build. The zero value is not usable: Subnet,
// Pool and LeaseTime must be set.
type Options struct {
	Subnet    netip.Prefix    // of the LAN; the router takes its first address
	Pool      int             // how many addresses the DHCP server hands out
	LeaseTime time.Duration   // of every lease, in whole seconds
	Server    Server          // who serves DHCP and DNS
	IPv6      IPv6            // how hosts come by IPv6 addresses
	Others6   bool            // they hear nothing of that but what programs say: see Run
	PingCheck bool            // of Dnsmasq and Dhcpd: they ping an address before they offer it
	Line      fault.Line      // how fast the line to the provider is; zero: as fast as the kernel can
	Buffer    time.Duration   // how long a packet waits for that line at most; 0: 100ms
	Faults    []Fault         // what is broken on purpose
	Extra     []dhcpv4.Option // sent with every OFFER and ACK of the built-in server
	Journal   *journal.Run    // where to write down what is made; nil: nowhere
}

// Server is a DHCP and DNS server that the router can run.
type Server string

// The servers. The zero value means Builtin.
const (
	Builtin  Server = "builtin"  // in this process
	Dnsmasq  Server = "dnsmasq"  // the program of that name
	Kea      Server = "kea"      // kea-dhcp4, and the name server of this process,
	Dhcpd    Server = "dhcpd"    // as with the other DHCP server of the ISC,
	Udhcpd   Server = "udhcpd"   // that of busybox,
	Networkd Server = "networkd" // and that of systemd-networkd
)

// gives says why the server gives no lease of d, if it does not.
func (s Server) gives(d time.Duration) error {
	least := time.Second
	switch s {
	case Builtin:
		return nil
	case Dnsmasq:
		least = 2 * time.Minute // whatever its configuration says (one_opt in option.c)
	}
	if d < least {
		return fmt.Errorf("%s gives no lease of less than %s", s, least)
	}
	return nil
}

// Servers are all servers, in the order of the documentation.
var Servers = []Server{Builtin, Dnsmasq, Kea, Dhcpd, Udhcpd, Networkd}

// firstHost is the offset in the subnet of the first address handed out: the
// ones below are for the router and for hosts with fixed addresses.
const firstHost = 10

// Lab is a standing router. Close takes it down.
type Lab struct {
	Parent string     // the link on the host's side, on which clients are made
	Router netip.Addr // the router's address on the LAN

	opts             Options
	router, internet *namespace.NS
	undo             []func() error // newest last
	ca               *x509.Certificate
	ipv6             router6
	troubles
}

// Start builds a router. On error nothing of it is left. Several labs can
// stand at once: each takes the lowest free number.
func Start(opts Options) (_ *Lab, err error) {
	opts.Server, opts.IPv6 = cmp.Or(opts.Server, Builtin), cmp.Or(opts.IPv6, SLAAC)
	if _, err := os.Stat("/proc/sys/net/ipv6"); errors.Is(err, os.ErrNotExist) {
		opts.IPv6 = NoIPv6 // the kernel's choice
	}
	l := &Lab{opts: opts, Router: opts.Subnet.Addr().Next()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("lab: %w", err), l.Close())
		}
	}()
	serve, ok := map[Server]func() error{
		Builtin: l.serveBuiltin, Dnsmasq: l.serveDnsmasq, Kea: l.serveKea,
		Dhcpd: l.serveDhcpd, Udhcpd: l.serveUdhcpd, Networkd: l.serveNetworkd,
	}[opts.Server]
	if !ok {
		return nil, fmt.Errorf("%q is not a server: there are %s", opts.Server, listed(Servers))
	}
	if !slices.Contains(IPv6s, opts.IPv6) {
		return nil, fmt.Errorf("%q is not a way for IPv6: there are %s", opts.IPv6, listed(IPv6s))
	}
	if l.base, err = l.conditions(); err != nil {
		return nil, err
	}
	if err := l.claim(); err != nil {
		return nil, err
	}
	if err := l.connect(); err != nil {
		return nil, err
	}
	if err := l.serveInternet(); err != nil {
		return nil, err
	}
	if err := serve(); err != nil {
		return nil, err
	}
	if err := l.serveIPv6(); err != nil {
		return nil, err
	}
	l.defers(l.end)
	if err := l.behave(l.base); err != nil {
		return nil, err
	}
	return l, nil
}

func listed[S ~string](words []S) string {
	text := string(words[0])
	for _, w := range words[1:] {
		text += ", " + string(w)
	}
	return text
}

// claim makes the two namespaces under the lowest free number.
func (l *Lab) claim() (err error) {
	mark := l.opts.Journal.Mark()
	speaks := namespace.Speaks(l.opts.IPv6 != NoIPv6)
	for i := 0; ; i++ {
		l.Parent = fmt.Sprintf("lab%d", i)
		if _, err := netlink.LinkByName(l.Parent); err == nil {
			continue // somebody's, lab or not
		}
		if namespace.Exists(routerOf(l.Parent)) || namespace.Exists(internetOf(l.Parent)) {
			continue
		}
		if err := l.opts.Journal.Record(journal.Entry{Lab: l.Parent}); err != nil {
			return err
		}
		l.router, err = namespace.CreateMarked(routerOf(l.Parent), mark, speaks)
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	l.defers(l.router.Delete)
	if l.internet, err = namespace.CreateMarked(internetOf(l.Parent), mark, speaks); err != nil {
		return err
	}
	l.defers(l.internet.Delete)
	return nil
}

func routerOf(parent string) string   { return parent + "-router" }
func internetOf(parent string) string { return parent + "-internet" }

// Remove takes away what a process that died left of the lab on parent: the
// namespaces that carry its run's mark with what is in them, its programs and their
// folder, and names that do not stand for anything yet.
func Remove(parent, mark string) error {
	for _, name := range []string{guestOf(parent), rogueOf(parent), rogueRouterOf(parent), squattersOf(parent), routerOf(parent), internetOf(parent)} {
		ns, err := namespace.OpenMarked(name, mark)
		if err != nil {
			return err
		}
		if ns == nil {
			if err := namespace.RemoveStub(name); err != nil {
				return err
			}
			continue
		}
		// The link on the host's side goes with its far end in the router.
		if err := errors.Join(killPrograms(parent), os.RemoveAll(folderOf(parent)), ns.DeleteLinks(), ns.Delete()); err != nil {
			return fmt.Errorf("lab %s: %w", parent, err)
		}
	}
	return nil
}

// Close stops the servers and removes every part of the lab.
func (l *Lab) Close() error {
	var errs []error
	for _, undo := range slices.Backward(l.undo) {
		errs = append(errs, undo())
	}
	l.undo = nil
	return errors.Join(errs...)
}

// Namespaces are the names of the router's and the Internet's namespace.
func (l *Lab) Namespaces() []string { return []string{l.router.Name(), l.internet.Name()} }

// Leases is how many IPv4 leases the router's DHCP server holds at the moment. The
// error is errors.ErrUnsupported when it tells nobody, as Networkd.
func (l *Lab) Leases() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server.leases()
}

// Leases6 is how many IPv6 addresses it leases. Those that hosts make do not count.
func (l *Lab) Leases6() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ipv6.count == nil {
		return 0, nil
	}
	return l.ipv6.count()
}

// LeasesLeft is how many leases of both the server still holds when it has had time to
// hear that they were given back. Its errors are those of Leases.
func (l *Lab) LeasesLeft(ctx context.Context) (n int, err error) {
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		n, err = l.Leases()
		six, err6 := l.Leases6()
		n, err = n+six, errors.Join(err, err6)
		if err != nil || n == 0 || ctx.Err() != nil || time.Now().After(end) {
			return n, err
		}
	}
}

// defers registers what undoes the thing just made.
func (l *Lab) defers(undo func() error) { l.undo = append(l.undo, undo) }

// firstLease is the first address of the DHCP pool.
func (l *Lab) firstLease() netip.Addr { return nth(l.opts.Subnet.Addr(), firstHost) }

// nth is the address n places after a.
func nth(a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	last := b[len(b)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)+uint32(n))
	a, _ = netip.AddrFromSlice(b)
	return a
}

// number and addrOf are for counting with IPv4 addresses.
func number(a netip.Addr) uint32 { return binary.BigEndian.Uint32(a.AsSlice()) }

func addrOf(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}
