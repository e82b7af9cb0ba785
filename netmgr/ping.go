package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/icmp"
)

// Ping says how often clients ping, PingResult is what became of one client's
// pings, and Latency what all of them measured.
type (
	Ping       = icmp.Ping
	PingResult = icmp.Result
	Latency    = icmp.Latency
)

// Target tells a client whom to ping. Its error is that client's reason.
type Target func(*Client) (netip.Addr, error)

// Host is the same target for every client.
func Host(addr netip.Addr) Target {
	return func(*Client) (netip.Addr, error) { return addr, nil }
}

// Gateway is each client's own router.
func Gateway(c *Client) (netip.Addr, error) {
	if !c.Lease().Gateway.IsValid() {
		return netip.Addr{}, errors.New(noGateway(c))
	}
	return c.Lease().Gateway, nil
}

func noGateway(c *Client) string {
	if !c.HasLease() {
		return "it has no address: " + c.Missing().Error()
	}
	return fmt.Sprintf("the lease from %s names no gateway (option 3)", c.Lease().Server)
}

// PingAll has every client, or each of those given, ping its target, all at once,
// and returns one result for each, in their order: see icmp.PingAll.
func (m *NetworkManager) PingAll(ctx context.Context, t Target, p Ping, clients ...*Client) []PingResult {
	results, noBuffers := icmp.PingAll(ctx, m.pingers(t, clients), p)
	m.strain.noBuffers.Add(int64(noBuffers))
	return results
}

// ProbeAll has them measure how long the target takes to answer: see icmp.ProbeAll.
func (m *NetworkManager) ProbeAll(ctx context.Context, t Target, p Ping, clients ...*Client) Latency {
	l := icmp.ProbeAll(ctx, m.pingers(t, clients), p)
	m.strain.noBuffers.Add(int64(l.NoBuffers))
	m.strain.overflows.Add(int64(l.Overflows))
	return l
}

// pingers are the clients, each with its target.
func (m *NetworkManager) pingers(t Target, clients []*Client) []icmp.Client {
	if len(clients) == 0 {
		clients = m.clients
	}
	all := make([]icmp.Client, len(clients))
	for i, c := range clients {
		c.awaitSettled()
		p := icmp.Client{Name: c.Name, MAC: c.MAC, NS: c.ns, NoRoute: c.noRoute}
		p.Err = guard.Do(func() (err error) { p.Target, err = t(c); return err })
		all[i] = p
	}
	return all
}

// noRoute explains why the kernel does not know where to send.
func (c *Client) noRoute(to netip.Addr) string {
	if !c.Lease().Gateway.IsValid() {
		return fmt.Sprintf("no route to %s: %s", to, noGateway(c))
	}
	if !c.linked() {
		return fmt.Sprintf("tester: no route to %s: the link %s is not there any more", to, c.Link)
	}
	return fmt.Sprintf("no route to %s", to)
}

// linked reports whether the client still has its link.
func (c *Client) linked() bool {
	h, err := c.ns.Netlink()
	if err != nil {
		return false
	}
	defer h.Close()
	_, err = h.LinkByIndex(c.index)
	return err == nil
}
