package netmgr

import "golang.org/x/sys/unix"

// Limit is a limit that clients share. Such limits are sized for a host or two,
// and what does not fit is dropped: by us, though it would look like the router's
// doing.
type Limit struct {
	Keys []string // in /proc/sys; the last is the limit itself
	Own  int      // what this machine needs of it,
	Each int      // and each client
	Hard bool     // beyond it no client can be made
}

// Need is what n clients need at least.
func (l Limit) Need(n int) int { return l.Own + l.Each*n }

// Enough is for how many clients a limit of most will do.
func (l Limit) Enough(most int) int { return max(0, most-l.Own) / l.Each }

// Plenty is what a run raises the limits in /proc/sys to for n clients.
func Plenty(n int) int { return 1024 + 8*n }

// The limits.
var (
	// The table of neighbours is one for all namespaces (arp(7), neighbour.c). A
	// client knows its gateway or a sibling, and that one knows it.
	Neighbours = Limit{Keys: []string{"net/ipv4/neigh/default/gc_thresh1", "net/ipv4/neigh/default/gc_thresh2", "net/ipv4/neigh/default/gc_thresh3"}, Own: 24, Each: 2}

	// Of IPv6 there is another table, and groups that a client speaks to are in it,
	// too (ndisc.c).
	Neighbours6 = Limit{Keys: []string{"net/ipv6/neigh/default/gc_thresh1", "net/ipv6/neigh/default/gc_thresh2", "net/ipv6/neigh/default/gc_thresh3"}, Own: 24, Each: 8}

	// Received packets wait for a processor, and macvlan puts a copy of a broadcast
	// there for every client.
	Backlog = Limit{Keys: []string{"net/core/netdev_max_backlog"}, Each: 1}

	// See namespaces(7).
	Namespaces = Limit{Keys: []string{"user/max_net_namespaces"}, Each: 1, Hard: true}

	// Of this process. A client that pings has most at one time: its namespace, a
	// socket for replies and one for complaints, and one for DHCPv6.
	Descriptors = Limit{Own: 256, Each: 4, Hard: true}
)

// raiseLimits makes the limits large enough for n clients. Where they may not be
// raised, as in some containers, they may yet do; but without a descriptor for
// each client there is no point in beginning.
func (m *NetworkManager) raiseLimits(n int) error {
	if err := raiseDescriptors(Descriptors.Need(n)); err != nil {
		return err
	}
	few := n < 100 // for whom the defaults do
	if !few {
		m.broadcastQueue = uint32(Plenty(n)) // broadcasts from the parent wait in one queue for all macvlans
	}
	for _, l := range []Limit{Neighbours, Neighbours6, Backlog, Namespaces} {
		keys, least := l.Keys, Plenty(n)
		if few {
			keys, least = keys[len(keys)-1:], l.Need(n)
		}
		for _, key := range keys {
			_ = m.opts.Journal.Raise(key, least)
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
