package steps

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) addresses() []sentence {
	const (
		unique    = "no address was leased to two clients"
		reachable = "another client gets a reply from each address, and the gateway answers each client's ARP"
		both      = "not supported yet: it speaks of IPv6"
	)
	return []sentence{
		{`each client should receive a valid IP address from the router`,
			"a host's address of the router's subnet, with a gateway there and a lease time", w.validAddresses},
		{`no two clients should receive the same IP address`, unique, w.uniqueAddresses},
		{`no two clients should have the same IP address`, unique, w.uniqueAddresses},
		{`no two clients should receive duplicate IP addresses`, unique, w.uniqueAddresses},
		{`no two clients should receive duplicate IP addresses (IPv4 or IPv6)`, both, w.needsIPv6},
		{`all clients should keep their addresses for <n> seconds`,
			"none loses its lease or gets another address meanwhile, however often leases are renewed", w.keepAddresses},
		{`the router should follow the DHCP standard`,
			"no client has seen it do what an RFC wants otherwise", w.followsStandard},
		{`all clients should have their lease from the same DHCP server`,
			"no second server on the LAN gave a lease to one of them", w.oneServer},
		{`all assigned IPs should be reachable`, reachable, w.reachableAddresses},
		{`all assigned IPv4 and IPv6 addresses should be reachable`, both, w.needsIPv6},
	}
}

var errIPv6 = errors.New("IPv6 is not supported yet")

func (w *world) needsIPv6() error { return errIPv6 }

func (w *world) validAddresses(ctx context.Context) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	router := w.config().Targets.Router
	return verdict(m, "have no valid address", m.Each(ctx, func(_ context.Context, c *netmgr.Client) error {
		return c.Lease().Check(router)
	}))
}

func (w *world) uniqueAddresses() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	return verdict(m, "share an address", m.Duplicates())
}

func (w *world) keepAddresses(ctx context.Context, seconds int) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	if seconds < 1 {
		return refuse("keep for %d seconds: ask for at least 1", seconds)
	}
	lost := m.Keeping()
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return verdict(m, "did not keep their address", lost())
}

func (w *world) followsStandard() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	against := slices.DeleteFunc(m.Remarks(), func(r netmgr.Remark) bool { return r.RFC == "" })
	if len(against) == 0 {
		return nil
	}
	return errors.New("the router does not follow the DHCP standard: " + strings.Join(netmgr.Told(against, len(m.Clients())), "; "))
}

func (w *world) reachableAddresses(ctx context.Context) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	var problems []netmgr.Problem
	w.watched(m, false, func() { problems = m.Unreachable(ctx, w.ping(nil)) })
	return verdict(m, "cannot be reached", problems)
}
