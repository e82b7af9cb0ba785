package netmgr

import (
	"fmt"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
)

// Remark is something that the router did wrong, or that should be known of it,
// and that the client survived.
type Remark struct {
	Client *Client
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
		texts = append(texts, fmt.Sprintf("%d of %d clients: %s", count[what], clients, first[what]))
	}
	return texts
}
