package main

import (
	"context"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
)

// bareLoop is the least that n clients can cost: a loop that makes n namespaces,
// and a macvlan in each with one netlink message, and nothing else: no name, no
// mark, nothing is switched on or off, nobody has an address. As many clients of
// lanstorm's have been there before, so there are descriptors enough.
func bareLoop(ctx context.Context, s *bench.Session, l *lab.Lab, n int) (o Other, err error) {
	var times []time.Duration
	for range s.Repeat {
		bench.Settle(ctx)
		took, err := bareRound(l.Parent, n)
		if err != nil {
			return o, err
		}
		times = append(times, took)
	}
	return Other{Way: "bare loop", Clients: n, Create: median(times)}, nil
}

func bareRound(parent string, n int) (took time.Duration, err error) {
	on, err := netlink.LinkByName(parent)
	if err != nil {
		return 0, err
	}
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer host.Close()
	made := make([]netns.NsHandle, 0, n)
	defer func() {
		for _, ns := range made {
			_ = ns.Close() // the last that keeps it
		}
	}()
	err = elsewhere(func() error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		for range n {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			made = append(made, ns)
			attrs := netlink.LinkAttrs{Name: "macvlan", ParentIndex: on.Attrs().Index, Namespace: netlink.NsFd(ns), TxQLen: -1}
			if err := host.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
				return err
			}
		}
		return nil
	})
	return took, err
}

// elsewhere runs do on a thread that may go to other namespaces, for it ends with
// do: a locked thread ends with its goroutine. Only the main thread cannot end, and
// stands for the process in /proc.
func elsewhere(do func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			err = do()
			return
		}
		defer runtime.UnlockOSThread()
		err = elsewhere(do)
	}()
	<-done
	return err
}
