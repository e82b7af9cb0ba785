package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// IPv6 is how hosts of the LAN come by IPv6 addresses.
type IPv6 string

// The ways. The zero value means SLAAC.
const (
	SLAAC     IPv6 = "slaac"     // each makes its own, and hears of a name server by router advertisement
	Stateless IPv6 = "stateless" // the same, and DHCPv6 tells the rest
	Stateful  IPv6 = "stateful"  // DHCPv6 leases them
	Both      IPv6 = "both"      // each makes its own and has one of DHCPv6
	NoIPv6    IPv6 = "off"       // not at all: the lab speaks IPv4 alone, as it does where the kernel has no IPv6
)

// IPv6s are all ways, in the order of the documentation.
var IPv6s = []IPv6{SLAAC, Stateless, Stateful, Both, NoIPv6}

func (v IPv6) leases() bool { return v == Stateful || v == Both }
func (v IPv6) dhcp() bool   { return v == Stateless || v.leases() }

// way is how hosts come by addresses while the router behaves as c says.
func (l *Lab) way(c fault.Conditions) IPv6 { return cmp.Or(IPv6(c.IPv6), l.opts.IPv6) }

// The little Internet's, of the range for documentation (RFC 3849) but for the name
// servers.
var (
	wanRouter6   = netip.MustParsePrefix("2001:db8:ffff::2/64")
	wanProvider6 = netip.MustParsePrefix("2001:db8:ffff::1/64")
	googleDNS6   = netip.MustParseAddr("2001:4860:4860::8888")
	cloudflare6  = netip.MustParseAddr("2606:4700:4700::1111")
	webServer6   = netip.MustParseAddr("2001:db8:80::80")
)

// What the router advertises: lifetimes are the longest that RFC 9096 lets a home router
// have.
const (
	advertiseEvery  = 10 * time.Second
	routerLifetime  = 30 * time.Minute
	preferredTime   = 45 * time.Minute
	validTime       = 90 * time.Minute
	searchedDomain  = "lan.example.test"
	ipv6PrefixCount = 9 // 2001:db8:77::/64 and those after it, until those of the Internet
)

// prefix6 is the n-th prefix that the router has of its provider.
func prefix6(n int) netip.Prefix {
	a := netip.MustParseAddr("2001:db8:77::").As16()
	a[5] += byte(n % ipv6PrefixCount)
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// routerIn is the router's address in a prefix.
func routerIn(p netip.Prefix) netip.Addr { return p.Addr().Next() }

// linkLocal is the address that the kernel makes of a MAC (RFC 4291 appendix A).
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
}

// router6 is what the router has of IPv6.
type router6 struct {
	advertiser *advertiser         // nil where another program advertises
	dhcp       lanServer           // nil where there is none but the one for IPv4, or none
	count      func() (int, error) // of leases; nil where there are none

	reboots    int            // that gave it another prefix
	prefix     netip.Prefix   // that the LAN has now
	deprecated []netip.Prefix // that it had
}

// serveIPv6 starts what the router says on the LAN by IPv6, but for what its other
// server does.
func (l *Lab) serveIPv6() (err error) {
	if l.opts.IPv6 == NoIPv6 || l.opts.Server == Dnsmasq || l.opts.Others6 {
		return nil
	}
	if l.ipv6.advertiser, err = newAdvertiser(l.router); err != nil {
		return fmt.Errorf("router advertisements: %w", err)
	}
	l.defers(l.ipv6.advertiser.stop)
	if l.ipv6.dhcp != nil {
		return nil
	}
	s, err := l.serveDHCP6()
	if err != nil {
		return err
	}
	l.ipv6.dhcp, l.ipv6.count = s, s.leases
	return nil
}

// restartIPv6 gives the LAN its first prefix again. To nobody it is news: who knew another
// has gone.
func (l *Lab) restartIPv6() (err error) {
	if l.ipv6.prefix.IsValid() {
		err = l.setPrefix(prefix6(0), true)
	}
	l.ipv6.reboots, l.ipv6.deprecated = 0, nil
	return err
}

// setIPv6 makes the router behave as c says.
func (l *Lab) setIPv6(c fault.Conditions) error {
	if l.opts.IPv6 == NoIPv6 {
		return nil
	}
	n := l.ipv6.reboots
	if c.NewPrefix {
		n++
	}
	errs := []error{l.setPrefix(prefix6(n), c.NewPrefix || c.StalePrefix)}
	if l.ipv6.dhcp != nil {
		errs = append(errs, l.ipv6.dhcp.obey(c))
	}
	if a := l.ipv6.advertiser; a != nil {
		errs = append(errs, a.say(l.advertisement(c), cmp.Or(c.RAEvery, advertiseEvery)))
	}
	return errors.Join(errs...)
}

// hasLinkLocal reports whether the router's link of the LAN has the address that it
// speaks from to its neighbours.
func (l *Lab) hasLinkLocal() bool {
	router, err := l.router.Netlink()
	if err != nil {
		return false
	}
	defer router.Close()
	lan, err := router.LinkByName("lan")
	if err != nil {
		return false
	}
	addrs, _ := router.AddrList(lan, netlink.FAMILY_V6)
	return slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 })
}

// setPrefix gives the LAN another prefix. The one before is not routed any more, which
// a router tells that does not do so silently.
func (l *Lab) setPrefix(p netip.Prefix, silently bool) error {
	was := l.ipv6.prefix
	if p == was {
		return nil
	}
	if was.IsValid() && !silently {
		l.ipv6.deprecated = append(l.ipv6.deprecated, was)
	}
	l.ipv6.prefix = p
	l.ipv6.deprecated = slices.DeleteFunc(l.ipv6.deprecated, func(d netip.Prefix) bool { return d == p })
	if s, ok := l.ipv6.dhcp.(*dhcp6Server); ok {
		s.lease(p)
	}
	router, err := l.router.Netlink()
	if err != nil {
		return err
	}
	defer router.Close()
	internet, err := l.internet.Netlink()
	if err != nil {
		return err
	}
	defer internet.Close()
	lan, err := router.LinkByName("lan")
	if err != nil {
		return err
	}
	route := func(p netip.Prefix) *netlink.Route {
		return &netlink.Route{Dst: ipNet(p), Gw: wanRouter6.Addr().AsSlice()}
	}
	if was.IsValid() {
		err = errors.Join(router.AddrDel(lan, ownAddress(netip.PrefixFrom(routerIn(was), was.Bits()))), internet.RouteDel(route(was)))
	}
	return errors.Join(err, router.AddrAdd(lan, ownAddress(netip.PrefixFrom(routerIn(p), p.Bits()))), internet.RouteAdd(route(p)))
}

// ownAddress is one that is used at once: nobody looks first whether another has it.
func ownAddress(a netip.Prefix) *netlink.Addr {
	return &netlink.Addr{IPNet: ipNet(a), Flags: unix.IFA_F_NODAD}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// advertisement is what the router advertises; nil is nothing.
func (l *Lab) advertisement(c fault.Conditions) *ndp.RouterAdvertisement {
	if c.NoRA {
		return nil
	}
	current := prefixOption(l.ipv6.prefix)
	current.AutonomousAddressConfiguration = l.way(c) != Stateful
	ra := routerAdvertisement(routerMAC, current)
	ra.ManagedConfiguration = l.way(c).leases() || c.SilentDHCP6
	ra.OtherConfiguration = l.way(c).dhcp()
	if c.LongRALifetimes {
		current.PreferredLifetime, current.ValidLifetime = 7*24*time.Hour, 30*24*time.Hour // as RFC 4861 §6.2.1 has it
	}
	if c.RALifetime0 {
		ra.RouterLifetime = 0
	}
	if c.NoRASource {
		ra.Options = ra.Options[1:]
	}
	for _, p := range l.ipv6.deprecated {
		old := prefixOption(p)
		old.AutonomousAddressConfiguration = current.AutonomousAddressConfiguration
		old.PreferredLifetime, old.ValidLifetime = 0, 0 // RFC 9096 §3.5
		ra.Options = append(ra.Options, old)
	}
	if !c.NoRDNSS {
		ra.Options = append(ra.Options, &ndp.RecursiveDNSServer{Lifetime: routerLifetime, Servers: []netip.Addr{routerIn(l.ipv6.prefix)}})
	}
	if c.SmallMTU {
		ra.Options = append(ra.Options, ndp.NewMTU(1280))
	}
	ra.Options = append(ra.Options, &ndp.DNSSearchList{Lifetime: routerLifetime, DomainNames: []string{searchedDomain}})
	return ra
}

func routerAdvertisement(mac net.HardwareAddr, p *ndp.PrefixInformation) *ndp.RouterAdvertisement {
	return &ndp.RouterAdvertisement{
		CurrentHopLimit: 64, RouterLifetime: routerLifetime,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac}, p},
	}
}

func prefixOption(p netip.Prefix) *ndp.PrefixInformation {
	return &ndp.PrefixInformation{
		Prefix: p.Addr(), PrefixLength: uint8(p.Bits()), OnLink: true, AutonomousAddressConfiguration: true,
		PreferredLifetime: preferredTime, ValidLifetime: validTime,
	}
}

// setIPv6Internet lets IPv6 through to the provider, or not. IPv4 goes on.
func (l *Lab) setIPv6Internet(c fault.Conditions) error {
	if l.opts.IPv6 == NoIPv6 || c.InternetDown {
		return nil // it has no routes
	}
	router, err := l.router.Netlink()
	if err != nil {
		return err
	}
	defer router.Close()
	if !c.IPv6InternetDown {
		return l.routeToProvider(router)
	}
	if err := router.RouteDel(&netlink.Route{Gw: wanProvider6.Addr().AsSlice()}); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("default route: %w", err)
	}
	return nil
}
