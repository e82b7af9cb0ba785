package netmgr

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Address6 is an IPv6 address of a client that the kernel has made, or was given.
type Address6 struct {
	netip.Prefix
	Deprecated bool // not for new connections (RFC 4862 §5.5.4)
	Duplicate  bool // another host has it, so it is not used (RFC 4862 §5.4)
	Since      time.Time
}

// addressWatch hears, by one rtnetlink(7) socket, which IPv6 addresses the kernel
// has in the namespaces of all clients. It says of an address when it may be used:
// when no other host was found to have it.
type addressWatch struct {
	conn    *socket.Conn
	done    chan struct{}
	changed func(*Client, Address6, bool)

	mu      sync.Mutex
	clients map[int32]*Client // by the id of their namespace
}

// watchAddresses calls changed for each address that becomes usable, is found to
// be another host's, or changes (there is true), or goes (there is false). The
// caller closes the watch.
func watchAddresses(changed func(c *Client, a Address6, there bool)) (*addressWatch, error) {
	conn, err := socket.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, "rtnetlink", nil)
	if err != nil {
		return nil, fmt.Errorf("watch IPv6 addresses: %w", err)
	}
	_ = conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wireBuffer)
	if err = conn.SetsockoptInt(unix.SOL_NETLINK, unix.NETLINK_LISTEN_ALL_NSID, 1); err == nil {
		err = conn.Bind(&unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV6_IFADDR})
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("watch IPv6 addresses: %w", err)
	}
	w := &addressWatch{conn: conn, done: make(chan struct{}), changed: changed, clients: map[int32]*Client{}}
	go w.run()
	return w, nil
}

// wireBuffer, in bytes, is room for what is said of a few thousand clients.
const wireBuffer = 8 << 20

// add has the addresses of a client watched, whose namespace has an id.
func (w *addressWatch) add(c *Client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clients[int32(c.nsid)] = c
}

func (w *addressWatch) of(nsid int32) *Client {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clients[nsid]
}

func (w *addressWatch) Close() {
	w.conn.Close()
	<-w.done
}

func (w *addressWatch) run() {
	defer close(w.done)
	buf, control := make([]byte, 1<<16), make([]byte, 64)
	for {
		n, controlLen, _, _, err := w.conn.Recvmsg(context.Background(), buf, control, 0)
		switch {
		case errors.Is(err, unix.ENOBUFS): // some of it is lost, and the rest is old
			w.discard(buf)
			w.lookAgain()
			continue
		case err != nil:
			return
		}
		c := w.of(namespaceOf(control[:controlLen]))
		if c == nil {
			continue
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			continue
		}
		for _, m := range messages {
			if m.Header.Type != unix.RTM_NEWADDR && m.Header.Type != unix.RTM_DELADDR {
				continue
			}
			if a, link, tentative, ok := readAddress(m); ok && link == c.index && !tentative {
				w.changed(c, a, m.Header.Type == unix.RTM_NEWADDR)
			}
		}
	}
}

// discard throws away what waits.
func (w *addressWatch) discard(buf []byte) {
	raw, err := w.conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for err == nil || err == unix.ENOBUFS || err == unix.EINTR {
			_, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		}
	})
}

// lookAgain asks for the addresses of all clients.
func (w *addressWatch) lookAgain() {
	w.mu.Lock()
	all := make([]*Client, 0, len(w.clients))
	for _, c := range w.clients {
		all = append(all, c)
	}
	w.mu.Unlock()
	for _, c := range all {
		h, err := c.ns.Netlink()
		if err != nil {
			continue // it is being removed
		}
		list, err := h.AddrList(device(c.index), netlink.FAMILY_V6)
		h.Close()
		if err != nil {
			continue
		}
		there := map[netip.Addr]bool{}
		for _, a := range list {
			known := listed(a)
			if there[known.Addr()] = true; !tentative(a.Flags) {
				w.changed(c, known, true)
			}
		}
		for _, a := range c.addresses6() {
			if !there[a.Addr()] {
				w.changed(c, a, false)
			}
		}
	}
}

// namespaceOf is the id of the namespace that a message came from, by its control
// message (NETLINK_LISTEN_ALL_NSID in netlink(7)); -1: it does not say.
func namespaceOf(control []byte) int32 {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return -1
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_NETLINK && m.Header.Type == unix.NETLINK_LISTEN_ALL_NSID && len(m.Data) >= 4 {
			return int32(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return -1
}

// readAddress reads a message about an address of a link (struct ifaddrmsg of
// linux/if_addr.h).
func readAddress(m syscall.NetlinkMessage) (a Address6, link int, unsettled, ok bool) {
	if len(m.Data) < unix.SizeofIfAddrmsg || m.Data[0] != unix.AF_INET6 {
		return a, 0, false, false
	}
	flags, bits := int(m.Data[2]), int(m.Data[1])
	link = int(binary.NativeEndian.Uint32(m.Data[4:]))
	attributes, err := syscall.ParseNetlinkRouteAttr(&m)
	if err != nil {
		return a, 0, false, false
	}
	for _, attr := range attributes {
		switch attr.Attr.Type {
		case unix.IFA_ADDRESS:
			if addr, ok := netip.AddrFromSlice(attr.Value); ok {
				a.Prefix = netip.PrefixFrom(addr, bits)
			}
		case unix.IFA_FLAGS: // all of them: the header has room for eight
			if len(attr.Value) >= 4 {
				flags = int(binary.NativeEndian.Uint32(attr.Value))
			}
		}
	}
	return flagged(a.Prefix, flags), link, tentative(flags), a.IsValid()
}

// tentative reports whether it is still to be found out if another host has an
// address.
func tentative(flags int) bool {
	return flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_DADFAILED == 0
}

// listed is an address as package netlink lists it.
func listed(a netlink.Addr) Address6 {
	addr, _ := netip.AddrFromSlice(a.IP)
	bits, _ := a.Mask.Size()
	return flagged(netip.PrefixFrom(addr, bits), a.Flags)
}

func flagged(p netip.Prefix, flags int) Address6 {
	return Address6{Prefix: p, Deprecated: flags&unix.IFA_F_DEPRECATED != 0, Duplicate: flags&unix.IFA_F_DADFAILED != 0, Since: time.Now()}
}
