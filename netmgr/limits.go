package netmgr

import "fmt"

// raiseLimits makes the kernel's shared tables large enough for n clients. They
// are sized for a host or two, and what does not fit in them is dropped: by
// us, though it would look like the router's doing.
func (m *NetworkManager) raiseLimits(n int) error {
	// The neighbour table is one for all namespaces (neighbour.c). A client
	// knows its gateway, a peer and perhaps more, and a lab router knows it.
	if n < 100 {
		return nil // the defaults will do
	}
	neighbours := 1024 + 4*n
	for key, least := range map[string]int{
		"net/ipv4/neigh/default/gc_thresh1": neighbours,
		"net/ipv4/neigh/default/gc_thresh2": neighbours,
		"net/ipv4/neigh/default/gc_thresh3": neighbours,
		// Packets that wait for a processor, when all clients speak at once.
		"net/core/netdev_max_backlog": 1000 + 2*n,
	} {
		if err := m.opts.Journal.Raise(key, least); err != nil {
			return fmt.Errorf("raise %s for %d clients: %w", key, n, err)
		}
	}
	return nil
}
