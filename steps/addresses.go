package steps

import (
	"context"

	"github.com/lanstorm/lanstorm/netmgr"
)

func (w *world) addresses() []sentence {
	const (
		unique    = "no address was leased to two clients"
		reachable = "another client gets a reply from each address, and the gateway answers each client's ARP"
	)
	return []sentence{
		{`each client should receive a valid IP address from the router`,
			"a host's address of the router's subnet, with a gateway and a lease time; with targets.router auto also: as most have it, and the gateway answers ARP", w.validAddresses},
		{`no two clients should receive the same IP address`, unique, w.uniqueAddresses},
		{`no two clients should have the same IP address`, unique, w.uniqueAddresses},
		{`no two clients should receive duplicate IP addresses`, unique, w.uniqueAddresses},
		{`no two clients should receive duplicate IP addresses (IPv4 or IPv6)`, unique + "; nor has one an IPv6 address of another host", w.unique46},
		{`all assigned IPs should be reachable`, reachable, w.reachableAddresses},
		{`all assigned IPv4 and IPv6 addresses should be reachable`, reachable + "; the same of the global IPv6 addresses, by neighbour solicitations", w.reachable46},
	}
}

func (w *world) validAddresses(ctx context.Context) error {
	if err := w.four(); err != nil {
		return err
	}
	m, err := w.standing()
	if err != nil {
		return err
	}
	problems, err := m.Invalid(ctx, w.config().Targets.Router)
	if err != nil {
		return err
	}
	return firm(verdict(m, "have no valid address", problems))
}

func (w *world) uniqueAddresses() error {
	if err := w.four(); err != nil {
		return err
	}
	m, err := w.standing()
	if err != nil {
		return err
	}
	return firm(verdict(m, "share an address", m.Duplicates()))
}

func (w *world) reachableAddresses(ctx context.Context) error {
	if err := w.four(); err != nil {
		return err
	}
	return w.judging("cannot be reached", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) {
		return m.Unreachable(ctx, w.ping()), nil
	})
}
