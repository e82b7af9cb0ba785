package netmgr

import (
	"golang.org/x/sys/unix"
)

// Descriptors that a client needs at most at one time, all of them while it
// pings: its namespace, a socket for replies and one for complaints. The
// process has some of its own.
const (
	clientDescriptors = 3
	ownDescriptors    = 256
)

// raiseLimits makes the tables and queues that clients share large enough for
// n of them. They are sized for a host or two, and what does not fit in them is
// dropped: by us, though it would look like the router's doing. Where they may
// not be raised, as in some containers, they may yet do; but without a
// descriptor for each client there is no point in beginning.
func (m *NetworkManager) raiseLimits(n int) error {
	if err := raiseDescriptors(clientDescriptors*n + ownDescriptors); err != nil {
		return err
	}
	if n < 100 {
		return nil // the defaults will do
	}
	// Broadcasts from the parent wait in one queue for all macvlans.
	const usual = 1000 // MACVLAN_DEFAULT_BC_QUEUE_LEN in macvlan.c
	m.broadcastQueue = uint32(usual + 4*n)
	// The neighbour table is one for all namespaces (neighbour.c). A client
	// knows its gateway, a peer and perhaps more, and a lab router knows it.
	neighbours := 1024 + 4*n
	for key, least := range map[string]int{
		"net/ipv4/neigh/default/gc_thresh1": neighbours,
		"net/ipv4/neigh/default/gc_thresh2": neighbours,
		"net/ipv4/neigh/default/gc_thresh3": neighbours,
		// Packets that wait for a processor, when all clients speak at once.
		"net/core/netdev_max_backlog": 1000 + 4*n,
		"user/max_net_namespaces":     n + 100,
	} {
		if err := m.opts.Journal.Raise(key, least); err != nil {
			m.opts.Log.Warn("a limit of the kernel was not raised", "key", key, "wanted", least, "reason", err)
		}
	}
	return nil
}

// raiseDescriptors raises this process's own limit, which needs no putting back.
func raiseDescriptors(least int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= uint64(least) {
		return nil
	}
	raised := unix.Rlimit{Cur: uint64(least), Max: max(limit.Max, uint64(least))}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) != nil {
		return refuse("so many clients need %d open files, and this process may have %d: raise the limit (ulimit -n %d, or LimitNOFILE= of a service)",
			least, limit.Max, least)
	}
	return nil
}
