package netmgr

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/guard"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/packets"
)

// host does for a client what its DHCP decides.
type host struct{ *Client }

var _ dhcp4.Host = host{}

func (c *Client) identity() dhcp4.Identity {
	return dhcp4.Identity{MAC: c.MAC, HostName: c.Name, VendorClass: c.m.opts.VendorClass, MaxSize: c.m.parent.MTU}
}

var allServers = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Broadcast comes from 0.0.0.0 when the link has no address, which therefore
// goes before a client without a lease asks for another.
func (h host) Broadcast(msg []byte) error {
	if h.lease() == nil && h.applied.Load() != nil {
		if err := h.apply(); err != nil {
			return err
		}
	}
	return h.Unicast(allServers, msg)
}

func (h host) Unicast(server netip.Addr, msg []byte) error {
	if h.sender == nil {
		if err := h.openSender(); err != nil {
			return err
		}
	}
	return h.send(h.sender, netip.AddrPortFrom(server, dhcpv4.ServerPort), msg)
}

func (h host) Probe(addr netip.Addr) error {
	return h.m.line.ARP(h.MAC, netip.IPv4Unspecified(), addr)
}

func (h host) Announce(addr netip.Addr) error { return h.m.line.ARP(h.MAC, addr, addr) }

// Granted writes down what is to be given back, and until when, before it is used.
func (h host) Granted(l dhcp4.Lease) error {
	h.granted, h.leased = journal.Lease{Client: h.number, Address: l.Address, Server: l.Server, Until: l.End()}, true
	return h.m.opts.Journal.Record(journal.Entry{Lease: &h.granted})
}

func (h host) Bound(l dhcp4.Lease) {
	h.closeSender()
	h.last.Store(&l)
	h.m.opts.Leases(h.Name, fmt.Sprintf("has %s from %s for %s", l.Address, l.Server, l.Term()))
	h.m.gateways.expect(l.Gateway)
	h.settle(&l)
}

func (h host) Lost(reason error) {
	if h.lease() != nil { // not one that was declined
		h.lost.Store(&leaseLoss{h.losses().times + 1, reason})
	}
	h.closeSender()
	h.last.Store(nil)
	h.m.opts.Leases(h.Name, "has no lease any more: "+reason.Error())
	h.granted, h.leased = journal.Lease{Client: h.number}, false
	_ = h.m.opts.Journal.Record(journal.Entry{Lease: &h.granted}) // in doubt it is given back
	h.settle(nil)
}

func (h host) Idle() {
	h.closeSender()
	h.settle(nil)
}

func (h host) Failed(err error) {
	if h.up != nil {
		h.up.fail(h.failedAt(StageLease, err))
	}
}

// lease is what the client has now; nil: none.
func (c *Client) lease() *Lease { return c.wanted.Load() }

// Lease is what the client has from the router now; zero: nothing, for it lost
// it and asks for another.
func (c *Client) Lease() Lease {
	if l := c.lease(); l != nil {
		return *l
	}
	return Lease{}
}

// settle makes the kernel follow, soon, what the client has by DHCP.
func (c *Client) settle(l *Lease) {
	c.wanted.Store(l)
	if c.settling.Swap(true) {
		return // however fast leases come and go, the newest is what counts
	}
	c.m.work.Go(func() {
		c.m.slots <- struct{}{}
		defer func() { <-c.m.slots }()
		l := c.lease()
		if err := guard.Do(c.apply); l != nil {
			c.up.ready(c, err)
		}
	})
}

// awaitSettled waits until the kernel has followed: who is told that a client has
// an address may use it at once.
func (c *Client) awaitSettled() {
	for c.settling.Load() {
		time.Sleep(time.Millisecond)
	}
	c.applying.Lock()
	defer c.applying.Unlock()
}

// sender is a UDP socket inside the namespace at the DHCP client's port, a mere
// descriptor because nothing is read from it: the listener hears the answers.
// But while it is open, the kernel does not answer them by "port unreachable".
type sender struct{ fd int }

func (c *Client) openSender() error {
	s, err := c.newSender(unix.AF_INET, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
			// Without it the kernel keeps to itself that a queue was full (udp_send_skb).
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.BindToDevice(fd, c.Link),
			unix.Bind(fd, &unix.SockaddrInet4{Port: dhcpv4.ClientPort}))
	})
	c.sender = s
	return err
}

// newSender opens a sender, which prepare binds.
func (c *Client) newSender(domain int, prepare func(fd int) error) (*sender, error) {
	s := &sender{}
	err := c.ns.Do(func() (err error) {
		s.fd, err = unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := prepare(s.fd); err != nil {
		s.close()
		return nil, fmt.Errorf("UDP socket: %w", err)
	}
	return s, nil
}

// send counts what a full queue refuses.
func (c *Client) send(s *sender, to netip.AddrPort, msg []byte) error {
	err := os.NewSyscallError("sendto", unix.Sendto(s.fd, msg, 0, packets.Sockaddr(to)))
	if packets.QueueFull(err) {
		c.m.strain.noBuffers.Add(1)
	}
	return err
}

// close may be called of none.
func (s *sender) close() {
	if s != nil {
		unix.Close(s.fd)
	}
}

func (c *Client) closeSender() {
	c.sender.close()
	c.sender = nil
}
