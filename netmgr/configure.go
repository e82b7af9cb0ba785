package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// configure makes the kernel and resolv.conf say what the lease says.
func (c *Client) configure(context.Context) error {
	link := device(c.index)
	if mtu := c.Lease.MTU; mtu > 0 && mtu < c.m.parent.MTU { // a macvlan cannot exceed its parent
		if err := c.nl.LinkSetMTU(link, mtu); err != nil {
			return fmt.Errorf("mtu %d: %w", mtu, err)
		}
	}
	if err := c.nl.AddrAdd(link, &netlink.Addr{IPNet: ipNet(c.Lease.Address)}); err != nil {
		return fmt.Errorf("address %s: %w", c.Lease.Address, err)
	}
	routes, err := c.Lease.kernelRoutes(c.index)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if err := c.nl.RouteReplace(&r); err != nil {
			return fmt.Errorf("route to %s via %s: %w", r.Dst, r.Gw, err)
		}
	}
	if err := c.greet(c.Lease.Gateway, c.Lease.Server); err != nil {
		return err
	}
	return c.writeResolvConf()
}

// greet has the kernel ask by ARP for hosts that the client will soon speak to,
// and does not wait for the answer. Now the question reaches only them: later,
// when macvlans pass broadcasts on to one another, n clients that ask at the
// same time make n² packets.
func (c *Client) greet(hosts ...netip.Addr) error {
	for i, a := range hosts {
		if !a.IsValid() || !c.Lease.Address.Contains(a) || slices.Contains(hosts[:i], a) {
			continue
		}
		err := c.nl.NeighSet(&netlink.Neigh{LinkIndex: c.index, IP: a.AsSlice(), Flags: netlink.NTF_USE})
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // the neighbour table is full, as health will tell
			return fmt.Errorf("ask for %s by ARP: %w", a, err)
		}
	}
	return nil
}

// kernelRoutes puts the lease's routes into an order in which the kernel takes
// them: those over the link first, for they may lead to the gateways of the
// others (RFC 3442).
func (l Lease) kernelRoutes(index int) ([]netlink.Route, error) {
	onLink := []netip.Prefix{l.Address.Masked()}
	var direct, indirect []netlink.Route
	for _, r := range l.Routes {
		if !r.Gateway.IsValid() {
			onLink = append(onLink, r.To)
			direct = append(direct, netlink.Route{LinkIndex: index, Dst: ipNet(r.To), Scope: netlink.SCOPE_LINK})
		}
	}
	for _, r := range l.Routes {
		if !r.Gateway.IsValid() {
			continue
		}
		route := netlink.Route{LinkIndex: index, Dst: ipNet(r.To), Gw: r.Gateway.AsSlice()}
		switch {
		case contains(onLink, r.Gateway):
		case l.Address.IsSingleIP(): // a point-to-point subnet: its gateway is always outside
			route.Flags = int(netlink.FLAG_ONLINK)
		default:
			return nil, fmt.Errorf("gateway %s is outside %s and no route of the lease leads to it", r.Gateway, l.Address.Masked())
		}
		indirect = append(indirect, route)
	}
	return append(direct, indirect...), nil
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}

// nameServers are those of the lease, unless the manager's options name others.
func (c *Client) nameServers() []netip.Addr {
	if len(c.m.opts.DNS) > 0 {
		return c.m.opts.DNS
	}
	return c.Lease.DNS
}

// writeResolvConf writes /etc/netns/<name>/resolv.conf, which programs inside
// the namespace see as /etc/resolv.conf (ip-netns(8)). The folder gets its name
// when the file is in it, so that it never stands there unmarked.
func (c *Client) writeResolvConf() error {
	if err := c.m.makeEtc(); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(namespace.EtcDir, draftPrefix(c.m.opts.Journal.Mark()))
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	if err := os.Chmod(draft, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(draft, "resolv.conf"), []byte(c.resolvConf()), 0o644); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, draft, unix.AT_FDCWD, c.etcDir(), unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("%s: %w", c.etcDir(), err)
	}
	c.etc = true
	return nil
}

// draftPrefix begins the names of unfinished folders of the run with mark.
func draftPrefix(mark string) string { return "." + strings.ReplaceAll(mark, " ", "-") + "." }

func (c *Client) resolvConf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s, by the lease from %s\n", c.m.opts.Journal.Mark(), c.Name, c.Lease.Server)
	if len(c.Lease.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(c.Lease.Search, " "))
	}
	for _, server := range c.nameServers() {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	return b.String()
}

// makeEtc makes /etc/netns if it is not there, and remembers that it did.
func (m *NetworkManager) makeEtc() error {
	m.etcMu.Lock()
	defer m.etcMu.Unlock()
	err := os.Mkdir(namespace.EtcDir, 0o755)
	if err == nil {
		m.madeEtc = true
	}
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}
