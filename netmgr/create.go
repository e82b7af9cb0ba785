package netmgr

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// CreateClients adds n clients to those that stand, all at once, and returns
// when each has its lease and is configured. It is all or nothing: on error no
// client stands, not even one of an earlier call. The error is a *CreateError
// when clients failed. It is a *RefusedError when nothing was tried: then
// those of earlier calls stand as before. When ctx
// ends, so do the attempts.
func (m *NetworkManager) CreateClients(ctx context.Context, n int) error {
	return m.CreateClientsAs(ctx, n, Arrival{})
}

// CreateClientsAs is CreateClients with clients that arrive at a pace, or not
// all at one time.
func (m *NetworkManager) CreateClientsAs(ctx context.Context, n int, arrival Arrival) error {
	done, err := m.openHost()
	if err != nil {
		return err
	}
	defer done()
	fresh, err := m.plan(n)
	if err == nil {
		err = m.raiseLimits(len(m.clients) + n)
	}
	if err != nil {
		return errors.Join(err, m.forgetBlocks())
	}
	m.clients = append(m.clients, fresh...)
	b := &bringUp{m: m, clients: fresh, arrival: arrival}
	m.making.Store(b)
	b.run(ctx)
	m.creation = b.figures()
	m.creation.Remarks = m.Remarks()
	if b.whole && ctx.Err() == nil {
		return nil
	}
	leased := 0
	for _, c := range fresh {
		if c.lease() != nil {
			leased++
		}
	}
	// The way back must not be cut short by whatever cut creation short.
	clean := m.Cleanup(m.opts.Patience)
	if len(b.failed) == 0 {
		return errors.Join(context.Cause(ctx), clean)
	}
	return errors.Join(&CreateError{Asked: n, Failed: b.failed, Leased: leased}, clean)
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
	case least+n-1 > MostClients:
		return nil, refuse("%d clients: at most %d can be told apart", least+n-1, MostClients)
	}
	block, err := m.opts.Journal.Reserve(m.opts.Prefix, n, least)
	if err != nil {
		return nil, err
	}
	m.blocks = append(m.blocks, block)
	if block.First+n-1 > MostClients {
		return nil, refuse("%d clients: with those of other runs, more than the %d that can be told apart", n, MostClients)
	}
	fresh := make([]*Client, n)
	var taken []string
	for i := range fresh {
		c := m.newClient(block.First + i)
		if _, err := os.Lstat(c.etcLink()); err == nil || namespace.Exists(c.Name) {
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
		nsid:   noID,
	}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

func (c *Client) makeNamespace() (err error) {
	c.ns, err = namespace.CreateMarked(c.Name, c.m.opts.Journal.Mark(), namespace.Speaks(c.m.speaks6()))
	if errors.Is(err, os.ErrExist) { // since plan looked
		return refuse("somebody else has just made it")
	}
	return err
}

// makeLink makes the macvlan inside the namespace in one message, its name and
// MAC address included, so that no daemon of the host ever sees it. It is in
// private mode at first: in bridge mode the kernel would hand every broadcast
// of a client to every other, and n clients that come up at once send n of them.
func (c *Client) makeLink() error {
	err := c.m.host.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{
			Name:         c.Link,
			ParentIndex:  c.m.parent.Index,
			HardwareAddr: c.MAC,
			Namespace:    netlink.NsFd(c.ns.FD()),
			TxQLen:       -1, // the kernel's default
		},
		Mode:       netlink.MACVLAN_MODE_PRIVATE,
		BCQueueLen: c.m.broadcastQueue,
	})
	if errors.Is(err, unix.EEXIST) { // before 6.14 names are compared here, not where the link will be (rtnetlink.c)
		return refuse("this machine has a link %s of its own, and its kernel wants no second one; rename it or delete it", c.Link)
	}
	if errors.Is(err, unix.EINVAL) { // of which Obstacle cannot see all
		return refuse("the kernel refuses a macvlan on %s: is there one in mode passthru, of a container or a virtual machine?", c.m.parent.Name)
	}
	if err != nil {
		return fmt.Errorf("add macvlan on %s: %w", c.m.parent.Name, err)
	}
	if c.nl, err = c.ns.Netlink(); err != nil {
		return err
	}
	made, err := c.nl.LinkByName(c.Link)
	if err != nil {
		return err
	}
	c.index = made.Attrs().Index
	if err := c.join6(); err != nil {
		return err
	}
	const loopback = 1 // the first link of every namespace
	for _, index := range []int{loopback, c.index} {
		if err := c.nl.LinkSetUp(device(index)); err != nil {
			return fmt.Errorf("up: %w", err)
		}
	}
	return c.openSender() // now, so that all can ask at the same moment
}

// join puts the macvlan into the mode that was asked for, and says nothing else
// of it: to name its MAC address would make it forget the neighbours it knows,
// and to name the link is a renaming, which kernels before 6.2 refuse while it
// is up (dev_change_name in net/core/dev.c: EBUSY).
func (c *Client) join() error {
	mode := modes[c.m.opts.Mode]
	if c.joined || mode == netlink.MACVLAN_MODE_PRIVATE {
		return nil
	}
	err := c.nl.LinkSetMacvlanMode(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Index: c.index}}, mode)
	if err != nil {
		return fmt.Errorf("macvlan mode %s: %w", c.m.opts.Mode, err)
	}
	c.joined = true
	return nil
}

// device names a link to netlink by nothing but its index.
func device(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func (c *Client) closeNetlink() {
	c.applying.Lock()
	defer c.applying.Unlock()
	if c.nl != nil {
		c.nl.Close()
		c.nl = nil
	}
}

// MostClients is how many clients of one machine can be told apart: a MAC address
// has room for as many numbers.
const MostClients = 1<<16 - 1

// machineID identifies this machine from one boot to the next (machine-id(5)),
// or at least from the next machine of the LAN where there is none.
func machineID() (string, error) {
	if id, err := os.ReadFile("/etc/machine-id"); err == nil && len(strings.TrimSpace(string(id))) > 0 {
		return string(id), nil
	}
	return os.Hostname()
}

// clientMAC is the address of client i of a machine: locally administered and
// unicast (02), three bytes of the machine, two of the client. It is the same
// on every run, so that a router's lease table does not fill with ghosts. The
// machine's identity goes through a hash because machine-id(5) wants it kept
// from the network.
func clientMAC(machine string, i int) net.HardwareAddr {
	sum := sha256.Sum256([]byte("lanstorm " + machine))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], byte(i >> 8), byte(i)}
}
