package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/icmp"
)

// Problem is what is wrong with one client.
type Problem struct {
	Client, MAC string
	Err         error
}

// Problem says that err is what is wrong with the client.
func (c *Client) Problem(err error) Problem { return Problem{c.Name, c.MAC.String(), err} }

// Each runs do for every client at once and returns the problems there were,
// in the order of Clients.
func (m *NetworkManager) Each(ctx context.Context, do func(context.Context, *Client) error) (problems []Problem) {
	errs := guard.Each(len(m.clients), len(m.clients), func(i int) error {
		m.clients[i].awaitSettled()
		return do(ctx, m.clients[i])
	})
	for i, err := range errs {
		if err != nil {
			problems = append(problems, m.clients[i].Problem(err))
		}
	}
	return problems
}

// Duplicates are the clients whose address an earlier client has as well, or had
// when it was given to them, so that they declined it.
func (m *NetworkManager) Duplicates() (problems []Problem) {
	owner := map[netip.Addr]*Client{}
	siblings := map[string]*Client{}
	for _, c := range m.clients {
		siblings[c.MAC.String()] = c
	}
	for _, c := range m.clients {
		for addr, rival := range c.Status().Declined {
			if sibling := siblings[rival.Holder]; sibling != nil {
				problems = append(problems, c.Problem(fmt.Errorf("was given %s, which is %s's", addr, sibling.Name)))
			}
		}
		if c.lease() == nil {
			continue
		}
		addr := c.Lease().Address.Addr()
		if first, taken := owner[addr]; taken {
			problems = append(problems, c.Problem(fmt.Errorf("has %s, which is %s's too", addr, first.Name)))
			continue
		}
		owner[addr] = c
	}
	return problems
}

// Unreachable are the clients whose address does not work on the LAN: another
// client gets no reply from it,
// or the gateway does not answer the client's ARP.
func (m *NetworkManager) Unreachable(ctx context.Context, p Ping) (problems []Problem) {
	return m.unreachable(ctx, p, Gateway, func(c *Client) (netip.Addr, error) { return m.after(c).Lease().Address.Addr(), nil })
}

// unreachable is Unreachable with these gateways, and addresses of the next client.
func (m *NetworkManager) unreachable(ctx context.Context, p Ping, gateway, next Target) (problems []Problem) {
	if len(m.clients) > 1 && m.opts.Mode == "private" {
		return []Problem{m.clients[0].Problem(errors.New("macvlan mode private keeps clients apart, so none can reach another: use mode bridge"))}
	}
	if len(m.clients) > 1 {
		for i, r := range m.PingAll(ctx, next, p) {
			switch {
			case r.Sent == 0: // which says nothing of the client that was to be reached
				problems = append(problems, m.clients[i].Problem(fmt.Errorf("cannot ping another client: %s", r.Reason)))
			case r.Received == 0:
				reached := m.clients[(i+1)%len(m.clients)]
				problems = append(problems, reached.Problem(fmt.Errorf("no reply to another client: %s", r.Reason)))
			}
		}
	}
	m.PingAll(ctx, gateway, p) // whether it replies or not, it must answer ARP, or neighbour solicitations
	return m.joined(append(problems, m.Each(ctx, func(_ context.Context, c *Client) error {
		router, err := gateway(c)
		if err != nil {
			return nil
		}
		if hop, resolved := icmp.NextHop(c.ns, router); hop.IsValid() && !resolved {
			return fmt.Errorf("the gateway %s does not answer %s", hop, icmp.Resolution(hop))
		}
		return nil
	})...))
}

// joined makes one problem of all those that a client has, in the order of
// Clients.
func (m *NetworkManager) joined(problems []Problem) (one []Problem) {
	texts := map[string][]string{}
	for _, p := range problems {
		if text := p.Err.Error(); !slices.Contains(texts[p.Client], text) {
			texts[p.Client] = append(texts[p.Client], text)
		}
	}
	for _, c := range m.clients {
		if all := texts[c.Name]; all != nil {
			one = append(one, c.Problem(errors.New(strings.Join(all, ", and "))))
		}
	}
	return one
}

// after is the next client of the ring that they are.
func (m *NetworkManager) after(c *Client) *Client {
	return m.clients[(slices.Index(m.clients, c)+1)%len(m.clients)]
}

// Remark is something that the router did wrong, or that should be known of it,
// and that the client survived.
type Remark struct {
	Client *Client // who saw it; nil: all of them
	dhcp4.Remark
}

// Remarks are those of all clients, until now.
func (m *NetworkManager) Remarks() (all []Remark) {
	most := m.mostSubnet(func(Lease) bool { return true })
	for _, c := range m.clients {
		for _, r := range c.Status().Remarks {
			all = append(all, Remark{c, r})
		}
		if l := c.lease(); l != nil && l.Address.Masked() != most {
			all = append(all, Remark{c, dhcp4.Remark{
				What:   "a lease of another subnet than most",
				Detail: fmt.Sprintf("%s from %s, others are of %s", l.Address, l.Server, most),
			}})
		}
	}
	return all
}

// RemarkLines is what there is to tell of remarks about so many clients: one text for
// each kind, as its first client saw it.
func RemarkLines(all []Remark, clients int) (texts []string) {
	count, first := map[string]int{}, map[string]Remark{}
	var order []string
	for _, r := range all {
		if count[r.What] == 0 {
			order = append(order, r.What)
			first[r.What] = r
		}
		count[r.What]++
	}
	for _, what := range order {
		if first[what].Client == nil { // it was said to all
			texts = append(texts, first[what].String())
			continue
		}
		texts = append(texts, fmt.Sprintf("%d of %d clients: %s", count[what], clients, first[what]))
	}
	return texts
}
