package netmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// CreateClients adds n clients to those that stand, many at once, and returns
// when each has its lease and is configured. It is all or nothing: on error no
// client stands, not even one of an earlier call. The error is a *CreateError
// when clients failed. It is a *RefusedError when nothing was tried: then
// those of earlier calls stand as before. When ctx
// ends, so do the attempts.
func (m *NetworkManager) CreateClients(ctx context.Context, n int) error {
	fresh, err := m.plan(n)
	if err != nil {
		return errors.Join(err, m.forgetBlocks())
	}
	m.raiseLimits(len(m.clients) + n)
	start := time.Now()
	m.clients = append(m.clients, fresh...)
	failed, tried := m.bringUpAll(ctx, fresh)
	if len(failed) == 0 && tried == n {
		m.opts.Log.Info("clients created", "count", n, "took", time.Since(start).Round(time.Millisecond))
		return nil
	}
	// The way back must not be cut short by whatever cut creation short.
	clean := m.Cleanup(m.opts.Patience)
	if len(failed) == 0 {
		return errors.Join(context.Cause(ctx), clean)
	}
	return errors.Join(&CreateError{Asked: n, Failed: failed, NotTried: n - tried}, clean)
}

// plan names n new clients, after making sure that their names are free.
func (m *NetworkManager) plan(n int) ([]*Client, error) {
	least := 1
	for _, b := range m.blocks {
		least = max(least, b.First+b.Count)
	}
	switch {
	case n < 1:
		return nil, refuse("%d clients: ask for at least 1", n)
	case least+n-1 > maxClients:
		return nil, refuse("%d clients: at most %d can be told apart", least+n-1, maxClients)
	}
	block, err := m.opts.Journal.Reserve(m.opts.Prefix, n, least)
	if err != nil {
		return nil, err
	}
	m.blocks = append(m.blocks, block)
	if block.First+n-1 > maxClients {
		return nil, refuse("%d clients: with those of other runs, more than the %d that can be told apart", n, maxClients)
	}
	fresh := make([]*Client, n)
	var taken []string
	for i := range fresh {
		c := m.newClient(block.First + i)
		if _, err := os.Lstat(c.etcDir()); err == nil || namespace.Exists(c.Name) {
			taken = append(taken, c.Name)
		}
		fresh[i] = c
	}
	if taken != nil {
		return nil, refuse("already there and not ours: namespace %s; remove it (ip netns delete, rm -r /etc/netns/...) or choose another prefix than %q",
			strings.Join(taken, ", "), m.opts.Prefix)
	}
	return fresh, nil
}

func (m *NetworkManager) newClient(i int) *Client {
	c := &Client{
		Name:   fmt.Sprintf("%s%d", m.opts.Prefix, i),
		Link:   fmt.Sprintf("macvlan%d", i),
		MAC:    clientMAC(m.machine, i),
		m:      m,
		number: i,
	}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// bringUpAll brings clients up, a bounded number at one time, and starts no
// more of them once one has failed: they would all be taken down again.
func (m *NetworkManager) bringUpAll(ctx context.Context, clients []*Client) (failed []*ClientError, tried int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := func() *Client {
		mu.Lock()
		defer mu.Unlock()
		if tried == len(clients) || len(failed) > 0 || ctx.Err() != nil {
			return nil
		}
		tried++
		return clients[tried-1]
	}
	for range min(m.opts.Concurrency, len(clients)) {
		wg.Go(func() {
			for c := next(); c != nil; c = next() {
				if err := c.bringUp(ctx); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(failed, func(a, b *ClientError) int {
		_, i := splitNumber(a.Client)
		_, j := splitNumber(b.Client)
		return cmp.Compare(i, j)
	})
	return failed, tried
}

// bringUp takes a client through its stages. What it made before an error
// stays, for Cleanup to find.
func (c *Client) bringUp(ctx context.Context) *ClientError {
	defer c.closeNetlink()
	for _, s := range []struct {
		stage Stage
		run   func(context.Context) error
		took  *time.Duration
	}{
		{StageNamespace, c.makeNamespace, &c.Timings.Namespace},
		{StageLink, c.makeLink, &c.Timings.Link},
		{StageLease, c.acquireLease, &c.Timings.Lease},
		{StageConfigure, c.configure, &c.Timings.Configure},
	} {
		start := time.Now()
		if err := safely(func() error { return s.run(ctx) }); err != nil {
			return &ClientError{Client: c.Name, Stage: s.stage, Err: err}
		}
		*s.took = time.Since(start)
	}
	return nil
}

func (c *Client) makeNamespace(context.Context) (err error) {
	c.ns, err = namespace.CreateMarked(c.Name, c.m.opts.Journal.Mark())
	if errors.Is(err, os.ErrExist) { // since plan looked
		return refuse("somebody else has just made it")
	}
	if err != nil {
		return err
	}
	// A client that speaks no IPv6 yet must not be heard on IPv6 either.
	return c.ns.DisableIPv6()
}

// makeLink makes the macvlan inside the namespace in one message, its name and
// MAC address included, so that no daemon of the host ever sees it.
func (c *Client) makeLink(context.Context) error {
	err := netlink.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{
			Name:         c.Link,
			ParentIndex:  c.m.parent.Index,
			HardwareAddr: c.MAC,
			Namespace:    netlink.NsFd(c.ns.FD()),
			TxQLen:       -1, // the kernel's default
		},
		Mode: modes[c.m.opts.Mode],
	})
	if err != nil {
		return fmt.Errorf("add macvlan on %s: %w", c.m.parent.Name, err)
	}
	if c.nl, err = c.ns.Netlink(); err != nil {
		return err
	}
	link, err := c.nl.LinkByName(c.Link)
	if err != nil {
		return err
	}
	c.index = link.Attrs().Index
	const loopback = 1 // the first link of every namespace
	for _, index := range []int{loopback, c.index} {
		if err := c.nl.LinkSetUp(device(index)); err != nil {
			return fmt.Errorf("up: %w", err)
		}
	}
	return nil
}

// device names a link to netlink by nothing but its index.
func device(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func (c *Client) etcDir() string { return filepath.Join(namespace.EtcDir, c.Name) }

func (c *Client) iface() *net.Interface {
	return &net.Interface{Index: c.index, Name: c.Link, MTU: c.m.parent.MTU, HardwareAddr: c.MAC}
}

func (c *Client) closeNetlink() {
	if c.nl != nil {
		c.nl.Close()
		c.nl = nil
	}
}
