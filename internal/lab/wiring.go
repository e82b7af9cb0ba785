package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// The little Internet, all of it in ranges reserved for documentation (RFC
// 5737) but for the two name servers that everybody knows.
var (
	wanRouter   = netip.MustParsePrefix("203.0.113.2/24")
	wanProvider = netip.MustParsePrefix("203.0.113.1/24")
	googleDNS   = netip.MustParseAddr("8.8.8.8")
	cloudflare  = netip.MustParseAddr("1.1.1.1")
	webServer   = netip.MustParseAddr("198.51.100.80")
)

// Fixed MAC addresses: the names of vendors of routers are not ours to use,
// and udev leaves alone an address that was chosen by whoever made the link.
var (
	parentMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x02}
	routerMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x01}
)

// connect joins host, router and Internet by veth pairs, gives them their
// addresses and routes, and lets the router forward and translate.
func (l *Lab) connect() error {
	host := &netlink.Handle{} // of this namespace
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

	if l.opts.IPv6 != NoIPv6 {
		// The router's addresses are nobody else's, and last while a link is down.
		for key, value := range map[string]string{"default/accept_dad": "0", "default/keep_addr_on_down": "1", "all/forwarding": "1"} {
			if err := l.router.SetSysctl("net/ipv6/conf/"+key, value); err != nil {
				return err
			}
		}
	}
	if err := addVeth(host, l.Parent, parentMAC, "lan", routerMAC, l.router); err != nil {
		return err
	}
	l.defers(func() error { return deleteLink(l.Parent) })
	if err := addVeth(router, "wan", nil, "isp", nil, l.internet); err != nil {
		return err
	}

	// Without this the host would give its end a link-local address and talk.
	quiet := "/proc/sys/net/ipv6/conf/" + l.Parent + "/disable_ipv6"
	if err := os.WriteFile(quiet, []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, up := range []struct {
		h     *netlink.Handle
		link  string
		addrs []netip.Prefix
	}{
		{host, l.Parent, nil},
		{router, "lo", nil},
		{router, "lan", []netip.Prefix{l.lan()}},
		{router, "wan", l.spoken(wanRouter, wanRouter6)},
		{internet, "lo", l.spoken(alone(googleDNS, cloudflare, webServer, googleDNS6, cloudflare6, webServer6)...)},
		{internet, "isp", l.spoken(wanProvider, wanProvider6)},
	} {
		if err := bringUp(up.h, up.link, up.addrs); err != nil {
			return err
		}
	}
	if err := l.routeToProvider(router); err != nil {
		return err
	}
	for key, value := range map[string]string{
		"net/ipv4/ip_forward": "1",
		// Every client hears why its packet went nowhere. (An icmp_ratelimit of 0
		// would, before 6.13, use up the tokens of ip_error in route.c.)
		"net/ipv4/icmp_ratemask": "0",
	} {
		if err := l.router.SetSysctl(key, value); err != nil {
			return err
		}
	}
	return Masquerade(l.router, "wan")
}

func (l *Lab) routeToProvider(router *netlink.Handle) error {
	for _, provider := range l.spoken(wanProvider, wanProvider6) {
		if provider == wanProvider6 && l.now.IPv6InternetDown {
			continue
		}
		if err := router.RouteReplace(&netlink.Route{Gw: provider.Addr().AsSlice()}); err != nil {
			return fmt.Errorf("default route: %w", err)
		}
	}
	return nil
}

// spoken leaves out what the lab does not speak.
func (l *Lab) spoken(all ...netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(all, func(p netip.Prefix) bool { return p.Addr().Is6() && l.opts.IPv6 == NoIPv6 })
}

// lan is the router's address on the LAN, with the length of the subnet.
func (l *Lab) lan() netip.Prefix { return netip.PrefixFrom(l.Router, l.opts.Subnet.Bits()) }

// alone is each address in a subnet of its own.
func alone(addrs ...netip.Addr) (all []netip.Prefix) {
	for _, a := range addrs {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// addVeth makes both ends of a pair in one message, the far end inside there.
func addVeth(h *netlink.Handle, near string, nearMAC net.HardwareAddr, far string, farMAC net.HardwareAddr, there *namespace.NS) error {
	err := h.LinkAdd(&netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: near, HardwareAddr: nearMAC, MTU: 1500, TxQLen: -1},
		PeerName:         far,
		PeerHardwareAddr: farMAC,
		PeerNamespace:    netlink.NsFd(there.FD()),
	})
	if err != nil {
		return fmt.Errorf("veth %s: %w", near, err)
	}
	return nil
}

// addHost makes there a host of the LAN, by a macvlan called lan on a link of h's
// namespace. It gets that name when it is there: before 6.14 the kernel looks
// whether a name is taken in the namespace of h (__rtnl_newlink in rtnetlink.c).
// mac may be nil.
func addHost(h *netlink.Handle, on string, there *namespace.NS, mac net.HardwareAddr, mode netlink.MacvlanMode, addrs ...netip.Prefix) error {
	parent, err := h.LinkByName(on)
	if err != nil {
		return err
	}
	draft := netlink.LinkAttrs{
		Name: there.Name(), ParentIndex: parent.Attrs().Index, HardwareAddr: mac,
		Namespace: netlink.NsFd(there.FD()), TxQLen: -1,
	}
	if err := h.LinkAdd(&netlink.Macvlan{LinkAttrs: draft, Mode: mode}); err != nil {
		return fmt.Errorf("macvlan: %w", err)
	}
	inside, err := there.Netlink()
	if err != nil {
		return err
	}
	defer inside.Close()
	link, err := inside.LinkByName(draft.Name)
	if err != nil {
		return fmt.Errorf("macvlan: %w", err)
	}
	if err := inside.LinkSetName(link, "lan"); err != nil {
		return err
	}
	return bringUp(inside, "lan", addrs)
}

func bringUp(h *netlink.Handle, name string, addrs []netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	for _, a := range addrs {
		if err := h.AddrAdd(link, ownAddress(a)); err != nil {
			return fmt.Errorf("address %s on %s: %w", a, name, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("link %s up: %w", name, err)
	}
	return nil
}

// deleteLink removes a link of the host; the far end of a veth goes with it.
func deleteLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return netlink.LinkDel(link)
}
