package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What clients take. Memory was measured with a thousand of them: 270 KB in
// the kernel and 40 KB in this process each. Of descriptors an idle client has
// one, its namespace, and three when it pings; workloads take more.
const (
	bytesPerClient       = 310 << 10
	descriptorsOfOurs    = 64
	descriptorsForPing   = 3
	descriptorsPerClient = 8
	neighboursOfTheHost  = 24
	neighboursPerClient  = 2 // its gateway or a sibling, and itself as that one sees it
)

// checkDescriptors reads this process's own limit, which the Go runtime has
// raised to the hard one.
func (e *exam) checkDescriptors() Check {
	limits, err := fs.ReadFile(e.root, "proc/self/limits")
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	var soft string
	for line := range strings.Lines(string(limits)) {
		if rest, found := strings.CutPrefix(line, "Max open files"); found {
			soft = strings.Fields(rest + " ?")[0]
		}
	}
	if soft == "unlimited" {
		return ok("unlimited")
	}
	limit, err := strconv.Atoi(soft)
	if err != nil {
		return skipped("cannot be told: /proc/self/limits says %q", soft)
	}
	least := descriptorsOfOurs + e.Clients*descriptorsForPing
	need := descriptorsOfOurs + e.Clients*descriptorsPerClient
	remedy := fmt.Sprintf("sudo prlimit --nofile=%d lanstorm run ...", powerOfTwo(need))
	switch {
	case least > limit:
		return problem(remedy, "%d allowed; %d clients need %d", limit, e.Clients, least)
	case need > limit:
		return warning(remedy, "%d allowed; %d clients that do more than ping may need %d", limit, e.Clients, need)
	}
	return ok("%d allowed, enough for %d clients", limit, max(0, limit-descriptorsOfOurs)/descriptorsPerClient)
}

// checkMemory asks for what can be had without swapping, see proc_meminfo(5).
func (e *exam) checkMemory() Check {
	info, err := fs.ReadFile(e.root, "proc/meminfo")
	if err != nil {
		return skipped("cannot be told: %v", err)
	}
	text := strings.TrimSuffix(colonFields(info)["MemAvailable"], " kB")
	kib, err := strconv.Atoi(text)
	if err != nil {
		return skipped("cannot be told: /proc/meminfo says %q", text)
	}
	free, need := kib<<10, e.Clients*bytesPerClient
	const remedy = "use fewer clients, or end what else needs memory on this machine"
	switch {
	case need > free:
		return problem(remedy, "%d MB available; %d clients need about %d MB", free>>20, e.Clients, need>>20)
	case need > free/4*3:
		return warning(remedy, "%d MB available, of which %d clients take about %d MB", free>>20, e.Clients, need>>20)
	}
	return ok("%d MB available, enough for about %d clients", free>>20, free/bytesPerClient)
}

// checkNamespaceLimit reads namespaces(7)'s limit for this user.
func (e *exam) checkNamespaceLimit() Check {
	const key = "user.max_net_namespaces"
	limit, err := readNumber(e.root, sysctl(key))
	if err != nil {
		return untold(key, err)
	}
	if e.Clients > limit {
		return problem(fmt.Sprintf("sudo sysctl -w %s=%d", key, powerOfTwo(2*e.Clients)),
			"%d network namespaces allowed; %d clients need one each", limit, e.Clients)
	}
	return ok("%d network namespaces allowed", limit)
}

// checkNeighbours compares with the size of the ARP table, which all
// namespaces share (arp(7), neighbour.c). Beyond it packets are dropped.
func (e *exam) checkNeighbours() Check {
	const key = "net.ipv4.neigh.default.gc_thresh"
	limit, err := readNumber(e.root, sysctl(key+"3"))
	if err != nil {
		return untold(key+"3", err)
	}
	if need := neighboursOfTheHost + e.Clients*neighboursPerClient; need > limit {
		room := powerOfTwo(2 * need)
		return e.raisable(key+"3",
			fmt.Sprintf("sudo sysctl -w %s1=%d %s2=%d %s3=%d", key, room/4, key, room/2, key, room),
			fmt.Sprintf("room for %d neighbours, too few for %d clients", limit, e.Clients))
	}
	return ok("room for %d neighbours, enough for about %d clients", limit, max(0, limit-neighboursOfTheHost)/neighboursPerClient)
}

// checkBacklog compares with the queue that each processor has for received
// packets: macvlan puts a copy of a broadcast there for every client.
func (e *exam) checkBacklog() Check {
	const key = "net.core.netdev_max_backlog"
	limit, err := readNumber(e.root, sysctl(key))
	if err != nil {
		return untold(key, err)
	}
	if e.Clients > limit {
		return e.raisable(key, fmt.Sprintf("sudo sysctl -w %s=%d", key, powerOfTwo(2*e.Clients)),
			fmt.Sprintf("%d packets, too few for a broadcast to %d clients", limit, e.Clients))
	}
	return ok("%d packets, enough for a broadcast to as many clients", limit)
}

// raisable is a limit that is too low, which every run raises by itself if it
// can, and puts back at its end.
func (e *exam) raisable(key, remedy, finding string) Check {
	switch {
	case !e.known[isRoot]:
		return skipped("%s; whether a run can raise that, only root can tell", finding)
	case e.access("/"+sysctl(key), unix.W_OK) != nil:
		return warning("on the host: "+remedy, "%s, and a run cannot raise that from here", finding)
	}
	return ok("%s; a run raises that, and puts it back", finding)
}

func sysctl(key string) string { return "proc/sys/" + strings.ReplaceAll(key, ".", "/") }

// untold is a limit that cannot be read. Some are shown to the host's own
// network namespace alone.
func untold(key string, err error) Check {
	if errors.Is(err, fs.ErrNotExist) {
		return skipped("%s is not shown here, as in a container", key)
	}
	return skipped("cannot be told: %v", err)
}

// powerOfTwo is the smallest one that is not below n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }
