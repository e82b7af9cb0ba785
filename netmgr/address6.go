package netmgr

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// global6 reports whether an address reaches beyond the link: fc00::/7 counts
// (RFC 4193).
func global6(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() }

// addresses6 are all addresses of the client.
func (c *Client) addresses6() []Address6 {
	c.six.mu.Lock()
	defer c.six.mu.Unlock()
	return slices.Clone(c.six.addrs)
}

// LinkLocal is the client's link-local address, with the index of its link as the
// zone; invalid while there is none.
func (c *Client) LinkLocal() netip.Addr {
	for _, a := range c.addresses6() {
		if a.Addr().IsLinkLocalUnicast() && !a.Duplicate {
			return c.zoned(a.Addr())
		}
	}
	return netip.Addr{}
}

// zoned is a link-local address as the client's kernel takes it. It names the link
// by its index, because package net keeps the names of links of this namespace.
func (c *Client) zoned(a netip.Addr) netip.Addr { return a.WithZone(strconv.Itoa(c.index)) }

// Global6 are the client's global IPv6 addresses that can be used, those for new
// connections first.
func (c *Client) Global6() (usable []Address6) {
	for _, a := range c.addresses6() {
		if global6(a.Addr()) && !a.Duplicate {
			usable = append(usable, a)
		}
	}
	slices.SortStableFunc(usable, func(a, b Address6) int {
		switch {
		case a.Deprecated == b.Deprecated:
			return a.Addr().Compare(b.Addr())
		case a.Deprecated:
			return 1
		}
		return -1
	})
	return usable
}

// ByDHCPv6 is the address that the client has by DHCPv6, and uses; invalid: none.
func (c *Client) ByDHCPv6() netip.Addr {
	c.six.mu.Lock()
	lease := c.six.lease
	c.six.mu.Unlock()
	if lease == nil {
		return netip.Addr{}
	}
	for _, a := range c.Global6() {
		if a.Addr() == lease.Address {
			return lease.Address
		}
	}
	return netip.Addr{}
}

// hasIPv4 and hasIPv6 report whether the client can reach beyond the link by a
// family.
func (c *Client) hasIPv4() bool { return c.HasLease() }

func (c *Client) hasIPv6() bool {
	return slices.ContainsFunc(c.Global6(), func(a Address6) bool { return !a.Deprecated })
}

// Names6 are the name servers that the client was told by IPv6: by advertisements
// (RFC 8106) and by DHCPv6, and likewise its search list.
func (c *Client) Names6() (servers []netip.Addr, search []string) {
	if len(c.Global6()) == 0 {
		return nil, nil
	}
	c.six.mu.Lock()
	config := c.six.config
	c.six.mu.Unlock()
	servers, search = c.m.lan6.routers.Names()
	servers, search = union(servers, config.DNS), union(search, config.Search)
	for i, a := range servers {
		if a.IsLinkLocalUnicast() {
			servers[i] = c.zoned(a)
		}
	}
	return servers, search
}

// Router6 is the client's default router: its link-local address.
func (c *Client) Router6() (netip.Addr, error) {
	router, ok := c.m.lan6.routers.Default()
	if !ok {
		return netip.Addr{}, c.noRouter6()
	}
	return c.zoned(router.Addr), nil
}

func (c *Client) noRouter6() error {
	list := c.m.lan6.routers.List()
	if len(list) == 0 {
		return c.Missing6()
	}
	return fmt.Errorf("no default router for IPv6: %s advertises a router lifetime of 0", list[0].Addr)
}

// union is what the lists have, each value once.
func union[T comparable](lists ...[]T) (all []T) {
	for _, v := range slices.Concat(lists...) {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
