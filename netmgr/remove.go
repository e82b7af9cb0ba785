package netmgr

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/guard"
)

// A client is gone when its macvlan is off the parent. To delete the macvlan by
// itself takes the kernel several grace periods of RCU, some 17 ms. A namespace
// that nobody uses any more takes its macvlan along, a thousand in the time of
// one (cleanup_net in net_namespace.c), but at a time of its own, and not
// while somebody still has a socket in it. So namespaces are let go of, the
// parent's list of addresses tells when the macvlans are gone, and those that
// stay are deleted by themselves.
const (
	stallTime = time.Second     // without any macvlan going, until those left are deleted by themselves
	goneTime  = 5 * time.Minute // until those left are given up: a busy machine may take two
)

// removeAll takes away what the clients have and returns why it could not, for
// each client that is not gone.
func (m *NetworkManager) removeAll() []error {
	etc := make([]error, len(m.clients))
	listed, _ := macvlans(m.host, m.parent.Index) // who is not listed has its macvlan deleted by itself
	errs := guard.Each(len(m.clients), 2*runtime.NumCPU(), func(i int) error {
		c := m.clients[i]
		etc[i] = c.removeEtc() // may fail on a disk in trouble; the LAN must be rid of the client all the same
		return c.strip(listed[[6]byte(c.MAC)])
	})
	// All in a row, and quickly: the kernel sets out with those that it finds,
	// and takes the others only when it is done with them to the last byte.
	for i, c := range m.clients {
		if errs[i] == nil && c.ns != nil {
			if errs[i] = c.ns.Delete(); errs[i] == nil {
				c.ns = nil
			}
		}
	}
	looked := m.awaitGone()
	for i, c := range m.clients {
		if errs[i] == nil && c.onParent {
			errs[i] = fmt.Errorf("%s is still on %s: the kernel has not removed it in %s", c.Link, m.parent.Name, goneTime)
			if looked != nil {
				errs[i] = fmt.Errorf("whether %s is still on %s cannot be told: %w", c.Link, m.parent.Name, looked)
			}
		}
		errs[i] = errors.Join(etc[i], errs[i])
	}
	return errs
}

// strip takes away the name of the client's namespace and, unless the parent
// lists it, its macvlan. It can be called again.
func (c *Client) strip(listed bool) error {
	if c.ns == nil {
		return nil
	}
	if listed && c.nsid == noID {
		// An id leads to the namespace without keeping it alive.
		var err error
		c.nsid, err = c.m.netnsID(c.ns.FD())
		listed = err == nil
	}
	c.onParent = listed
	if !listed { // then nothing would show that it is gone
		if err := c.ns.DeleteLinks(); err != nil {
			return fmt.Errorf("delete %s: %w", c.Link, err)
		}
	}
	return c.ns.Unname()
}

// awaitGone waits until the parent lists none of the clients, or for goneTime.
// The error is that of the last look, if it failed.
func (m *NetworkManager) awaitGone() (err error) {
	left := 0
	for _, c := range m.clients {
		if c.onParent {
			left++
		}
	}
	progress := time.Now()
	for end := time.Now().Add(goneTime); left > 0 && time.Now().Before(end); {
		start := time.Now()
		var listed map[[6]byte]bool
		before := left
		if listed, err = macvlans(m.host, m.parent.Index); err == nil {
			left = 0
			for _, c := range m.clients {
				if c.onParent = c.onParent && listed[[6]byte(c.MAC)]; c.onParent {
					left++
				}
			}
		}
		switch {
		case left < before:
			progress = time.Now()
		case time.Since(progress) > stallTime:
			guard.Each(len(m.clients), 2*runtime.NumCPU(), func(i int) error { // the list will tell
				if c := m.clients[i]; c.onParent {
					return deleteLinkIn(c.nsid, c.Link)
				}
				return nil
			})
			progress = time.Now()
		}
		if left > 0 {
			time.Sleep(max(2*time.Millisecond, 5*time.Since(start))) // the list holds up the kernel, too
		}
	}
	return err
}

// Macvlans counts the macvlans on a link that are up, in whatever namespaces.
func Macvlans(parent string) (int, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	link, err := h.LinkByName(parent)
	if err != nil {
		return 0, err
	}
	found, err := macvlans(h, link.Attrs().Index)
	return len(found), err
}

// macvlans are the MAC addresses that the parent receives for others, as
// `bridge fdb show dev <parent>` lists them: those of its macvlans that are up
// (macvlan_open in macvlan.c). Those of groups, which they have joined, are left out.
func macvlans(h *netlink.Handle, parent int) (map[[6]byte]bool, error) {
	found := map[[6]byte]bool{}
	if parent == 0 { // of a run that was adopted, and whose parent is gone
		return found, nil
	}
	for {
		list, err := h.NeighListExecute(netlink.Ndmsg{Family: unix.AF_BRIDGE, Index: uint32(parent)})
		if errors.Is(err, netlink.ErrDumpInterrupted) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if n.LinkIndex == parent && len(n.HardwareAddr) == 6 && n.HardwareAddr[0]&1 == 0 {
				found[[6]byte(n.HardwareAddr)] = true
			}
		}
		return found, nil
	}
}

// noID is the id of no namespace.
const noID = -1

// netnsID returns the id by which this namespace knows that of fd
// (RTM_NEWNSID in rtnetlink(7)), which the kernel chooses if there is none.
func (m *NetworkManager) netnsID(fd int) (int, error) {
	if err := m.host.SetNetNsIdByFd(fd, noID); err != nil && !errors.Is(err, unix.EEXIST) { // it has one
		return noID, err
	}
	id, err := m.host.GetNetNsIdByFd(fd)
	if err != nil {
		return noID, err
	}
	return id, nil
}

// deleteLinkIn deletes a link in the namespace with this id.
func deleteLinkIn(nsid int, name string) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(nsid))))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
