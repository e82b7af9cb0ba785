package main

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// Other is clients that something else made.
type Other struct {
	Way              string
	Clients          int
	Create, Remove   time.Duration
	Leased, Answered int
}

//go:embed manual.sh
var manualScript string

// byHand makes n clients in the lab as people did before lanstorm, and removes
// them. Create is the time until the last client has pinged the router, or given
// up, and Remove until the last namespace has no name any more. Links and leases
// that are left go with the lab.
func byHand(ctx context.Context, l *lab.Lab, n int) (o Other, err error) {
	// dhclient waits a minute for a lease that does not come, and a slow machine
	// needs another minute for 200 clients.
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	said, err := nstest.Script(ctx, manualScript, l.Parent, strconv.Itoa(n), l.Router.String())
	if err != nil {
		return o, fmt.Errorf("by hand: %w", err)
	}
	o = Other{Way: "by hand", Clients: n}
	if _, err = fmt.Sscanf(said, "make %d\nleased %d\nanswered %d\nunmake %d\n", &o.Create, &o.Leased, &o.Answered, &o.Remove); err != nil {
		return o, fmt.Errorf("manual.sh said %q: %w", said, err)
	}
	return o, nil
}

// bareLoop measures the least that n clients can cost: a loop that makes n
// namespaces, and a macvlan in each with one netlink message. They have no name and
// no address, and nothing is switched on or off. lanstorm made as many clients
// before, so this process may open enough files.
func bareLoop(ctx context.Context, s *bench.Session, l *lab.Lab, n int) (o Other, err error) {
	var times []time.Duration
	for range s.Repeat {
		bench.Settle(ctx)
		took, err := bareRound(l.Parent, n, func() error { return nil })
		if err != nil {
			return o, err
		}
		times = append(times, took)
	}
	return Other{Way: "bare loop", Clients: n, Create: median(times)}, nil
}

// bareRound makes n links, and calls inside in each namespace.
func bareRound(parent string, n int, inside func() error) (took time.Duration, err error) {
	on, err := netlink.LinkByName(parent)
	if err != nil {
		return 0, err
	}
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer host.Close()
	namespace.OnLockedThread(func() { // the thread ends with it, and does not come home
		start := time.Now()
		for range n {
			var ns netns.NsHandle
			if ns, err = netns.New(); err != nil {
				return
			}
			defer ns.Close() // nothing else keeps it
			attrs := netlink.LinkAttrs{Name: "macvlan", ParentIndex: on.Attrs().Index, Namespace: netlink.NsFd(ns), TxQLen: -1}
			if err = host.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
				return
			}
			if err = inside(); err != nil {
				return
			}
		}
		took = time.Since(start)
	})
	return took, err
}
