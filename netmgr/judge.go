package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Problem is what is wrong with one client.
type Problem struct {
	Client *Client
	Err    error
}

// Each runs do for every client at once and returns the problems there were,
// in the order of Clients.
func (m *NetworkManager) Each(ctx context.Context, do func(context.Context, *Client) error) (problems []Problem) {
	errs := make([]error, len(m.clients))
	var wg sync.WaitGroup
	for i, c := range m.clients {
		wg.Go(func() { errs[i] = safely(func() error { return do(ctx, c) }) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			problems = append(problems, Problem{m.clients[i], err})
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
		for addr, rival := range c.Story().Declined {
			if sibling := siblings[rival.Rival]; sibling != nil {
				problems = append(problems, Problem{c, fmt.Errorf("was given %s, which is %s's", addr, sibling.Name)})
			}
		}
		if c.lease() == nil {
			continue
		}
		addr := c.Lease().Address.Addr()
		if first, taken := owner[addr]; taken {
			problems = append(problems, Problem{c, fmt.Errorf("has %s, which is %s's too", addr, first.Name)})
			continue
		}
		owner[addr] = c
	}
	return problems
}

// Unreachable are the clients whose address does not work on the LAN: another
// client gets no reply from it (p tells how to ping; its Target is not used),
// or the gateway does not answer the client's ARP.
func (m *NetworkManager) Unreachable(ctx context.Context, p Ping) (problems []Problem) {
	if len(m.clients) > 1 && m.opts.Mode == "private" {
		return []Problem{{m.clients[0], errors.New("macvlan mode private keeps clients apart, so none can reach another: use mode bridge")}}
	}
	if len(m.clients) > 1 {
		for i, r := range m.PingAll(ctx, withTarget(p, m.next)) {
			switch {
			case r.Sent == 0: // which says nothing of the client that was to be reached
				problems = append(problems, Problem{r.Client, fmt.Errorf("cannot ping another client: %s", r.Reason)})
			case r.Received == 0:
				reached := m.clients[(i+1)%len(m.clients)]
				problems = append(problems, Problem{reached, fmt.Errorf("no reply to another client: %s", r.Reason)})
			}
		}
	}
	m.PingAll(ctx, withTarget(p, Gateway)) // whether it replies or not, it must answer ARP
	return m.joined(append(problems, m.Each(ctx, func(_ context.Context, c *Client) error {
		if !c.Lease().Gateway.IsValid() {
			return nil
		}
		if hop, resolved := c.nextHop(c.Lease().Gateway); hop.IsValid() && !resolved {
			return fmt.Errorf("the gateway %s does not answer ARP", hop)
		}
		return nil
	})...))
}

// joined makes one problem of all those that a client has, in the order of
// Clients.
func (m *NetworkManager) joined(problems []Problem) (one []Problem) {
	texts := map[*Client][]string{}
	for _, p := range problems {
		if text := p.Err.Error(); !slices.Contains(texts[p.Client], text) {
			texts[p.Client] = append(texts[p.Client], text)
		}
	}
	for _, c := range m.clients {
		if all := texts[c]; all != nil {
			one = append(one, Problem{c, errors.New(strings.Join(all, ", and "))})
		}
	}
	return one
}

// next is the Target that makes a ring of the clients.
func (m *NetworkManager) next(c *Client) (netip.Addr, error) {
	for i := range m.clients {
		if m.clients[i] == c {
			return m.clients[(i+1)%len(m.clients)].Lease().Address.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New("not a client any more")
}

func withTarget(p Ping, t Target) Ping {
	p.Target = t
	return p
}
