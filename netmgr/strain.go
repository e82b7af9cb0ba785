package netmgr

import "sync/atomic"

// Strain counts what this machine, and not the router, lost or held up of the
// clients' traffic.
type Strain struct {
	NoBuffers int // packets that a full queue refused; they were sent again
	Overflows int // packets that came and found no room in a socket
	LinkDrops int // packets that clients' macvlans dropped, in either direction

	Broken string // why what DHCP servers said could not be heard; empty when it could
}

// Since is the part of it that came after before. Clients that failed took what
// their links dropped with them.
func (s Strain) Since(before Strain) Strain {
	s.NoBuffers -= before.NoBuffers
	s.Overflows -= before.Overflows
	s.LinkDrops = max(0, s.LinkDrops-before.LinkDrops)
	return s
}

type strain struct {
	noBuffers, overflows atomic.Int64
	broken               string // of the newest listener, once it is closed
}

// Strain is what the clients that stand suffered, and the sockets since New.
func (m *NetworkManager) Strain() Strain {
	if m.line != nil {
		m.strain.overflows.Add(m.line.Drops())
		m.strain.broken = m.line.Failure()
	}
	s := Strain{
		NoBuffers: int(m.strain.noBuffers.Load()),
		Overflows: int(m.strain.overflows.Load()),
		Broken:    m.strain.broken,
	}
	for _, c := range m.clients {
		s.LinkDrops += c.linkDrops()
	}
	return s
}

// linkDrops counts what the macvlan could not hand on: received packets that
// the processor's backlog had no room for, and sent ones that the parent's
// queue refused (macvlan_dev_get_stats64 in macvlan.c). What the client merely
// had no use for is not in these counters.
func (c *Client) linkDrops() int {
	if c.ns == nil || c.index == 0 {
		return 0
	}
	h, err := c.ns.Netlink()
	if err != nil {
		return 0
	}
	defer h.Close()
	link, err := h.LinkByIndex(c.index)
	if err != nil || link.Attrs().Statistics == nil {
		return 0
	}
	stats := link.Attrs().Statistics
	return int(stats.RxErrors + stats.TxDropped)
}
