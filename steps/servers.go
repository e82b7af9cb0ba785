package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lanstorm/lanstorm/netmgr"
)

// servers is the sentences about who answers DHCP, and how.
func (w *world) servers() []sentence {
	return []sentence{
		{`the router should follow the DHCP standard`, "no client has seen it do anything against an RFC", w.followsStandard},
		{`all clients should have their lease from the same DHCP server`, "no second server on the LAN gave a lease to one of them", w.oneServer},
		{`only the router should answer DHCP`,
			"no client has heard another server, taken or not; the router is targets.router or the gateway of most leases", w.onlyRouterAnswers},
		{`no client should have the address of another host`, "each client asks by ARP who else has its address", w.noConflicts},
	}
}

func (w *world) followsStandard() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(m.Clients(), func(c *netmgr.Client) bool { return len(c.Status().Servers) > 0 }) {
		return errors.New("no client has heard a DHCP server")
	}
	against := slices.DeleteFunc(m.Remarks(), func(r netmgr.Remark) bool { return r.RFC == "" })
	if len(against) == 0 {
		return nil
	}
	return firm(errors.New("the router does not follow the DHCP standard: " + strings.Join(netmgr.RemarkLines(against, len(m.Clients())), "; ")))
}

// oneServer wants no second DHCP server to have given a lease.
func (w *world) oneServer() error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	servers := map[string]bool{}
	if len(m.With()) == 0 {
		return errNoLease
	}
	for _, c := range m.With() {
		servers[c.Lease().Server.String()] = true
	}
	if len(servers) == 1 {
		return nil
	}
	return firm(fmt.Errorf("%d DHCP servers gave leases: %s", len(servers),
		netmgr.Grouped(m.With(), func(c *netmgr.Client) (string, string) { return c.Name, "from " + c.Lease().Server.String() })))
}

func (w *world) onlyRouterAnswers(ctx context.Context) error {
	m, err := w.standing()
	if err != nil {
		return err
	}
	others, err := m.RogueServers(ctx, w.config().Targets.Router)
	if err == nil && len(others) > 0 {
		err = firm(errors.New("not only the router answers DHCP: " + strings.Join(others, "; ")))
	}
	return err
}

func (w *world) noConflicts(ctx context.Context) error {
	return w.leased("have the address of another host", func(m *netmgr.NetworkManager) ([]netmgr.Problem, error) { return m.Conflicts(ctx) })
}
