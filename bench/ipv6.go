package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/packets"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Dual is clients that speak IPv4 and IPv6.
type Dual struct {
	Clients      int
	IPv4, Create time.Duration // to make them without IPv6, and with
	Last, Bare   time.Duration // from then until the last has its global address; of as many bare links
	Answered     [2]int        // that had a reply from the router, by IPv4 and IPv6
	Idle         time.Duration // while they stand
	CPU          float64       // the share of one core that this process used
	Have         int           // that still have their IPv6 address then
}

// dual measures n clients, in turn without IPv6, with, and made by nothing but the
// kernel; and then n that stand for d.
func dual(ctx context.Context, s *bench.Session, l *lab.Lab, n int, d time.Duration) (r Dual, err error) {
	var ipv4, create, last, bare []time.Duration
	r = Dual{Clients: n, Idle: d, Answered: [2]int{n, n}}
	for i := range s.Repeat {
		bench.Settle(ctx)
		err := with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
			ipv4 = append(ipv4, m.Creation().Took)
			return nil
		})
		if err != nil {
			return r, err
		}
		bench.Settle(ctx)
		opts := s.Clients(l)
		opts.IPFamily = netmgr.Dual
		start := time.Now()
		err = with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
			create = append(create, m.Creation().Took)
			if err := m.Await6(ctx); err != nil {
				return err
			}
			last = append(last, latest(m).Sub(start))
			for family, target := range []netmgr.Target{netmgr.Gateway, netmgr.Router6} {
				answered := 0
				for _, p := range m.PingAll(ctx, target, netmgr.Ping{Count: 1}) {
					answered += min(p.Received, 1)
				}
				r.Answered[family] = min(r.Answered[family], answered)
			}
			if i == s.Repeat-1 {
				cpu := cpuShare()
				err := packets.Pause(ctx, d)
				r.CPU, r.Have = cpu(), n-len(m.Without6())
				return err
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		bench.Settle(ctx)
		took, err := bareIPv6(ctx, l.Parent, n)
		if err != nil {
			return r, fmt.Errorf("bare links: %w", err)
		}
		bare = append(bare, took)
	}
	r.IPv4, r.Create, r.Last, r.Bare = median(ipv4), median(create), median(last), median(bare)
	return r, nil
}

// latest is when the last client could use its global IPv6 address.
func latest(m *netmgr.NetworkManager) (last time.Time) {
	for _, c := range m.Clients() {
		for _, a := range c.Global6() {
			if a.Since.After(last) {
				last = a.Since
			}
		}
	}
	return last
}

// bareIPv6 makes n links as bareLoop does, sets them up, and waits until the kernel
// has a global address on each that no other host has.
func bareIPv6(ctx context.Context, parent string, n int) (took time.Duration, err error) {
	start := time.Now()
	var handles []*netlink.Handle // which keep the namespaces
	defer func() {
		for _, h := range handles {
			h.Close()
		}
	}()
	_, err = bareRound(parent, n, func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		handles = append(handles, h)
		link, err := h.LinkByName("macvlan")
		if err != nil {
			return err
		}
		return h.LinkSetUp(link)
	})
	if err != nil {
		return 0, err
	}
	const patience = time.Minute
	for _, h := range handles {
		for !hasGlobal(h) {
			if err = packets.Pause(ctx, 10*time.Millisecond); err != nil {
				return 0, err
			}
			if time.Since(start) > patience {
				return 0, fmt.Errorf("no global address in %s", patience)
			}
		}
	}
	return time.Since(start), nil
}

func hasGlobal(h *netlink.Handle) bool {
	list, err := h.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return false
	}
	for _, a := range list {
		if a.Flags&unix.IFA_F_TENTATIVE == 0 && a.Scope == unix.RT_SCOPE_UNIVERSE {
			return true
		}
	}
	return false
}
