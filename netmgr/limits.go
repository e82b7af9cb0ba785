package netmgr

// raiseLimits makes the kernel's shared tables large enough for n clients. They
// are sized for a host or two, and what does not fit in them is dropped: by
// us, though it would look like the router's doing.
// Where they may not be raised, as in some containers, they may yet do.
func (m *NetworkManager) raiseLimits(n int) {
	// The neighbour table is one for all namespaces (neighbour.c). A client
	// knows its gateway, a peer and perhaps more, and a lab router knows it.
	if n < 100 {
		return // the defaults will do
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
			m.opts.Log.Warn("a limit of the kernel was not raised", "key", key, "wanted", least, "reason", err)
		}
	}
}
