package lab

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/mdlayher/socket"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// advertiser sends the router advertisements of one router (RFC 4861 §6.2): at
// intervals to all, and to each host that solicits one.
type advertiser struct {
	*lanSocket
	work sync.WaitGroup
	now  chan struct{} // there is something new to tell, or a new link to tell it on
	ends context.CancelFunc

	mu      sync.Mutex
	message []byte        // nil: it says nothing
	every   time.Duration // between two that go to all
}

// minInterval is between two advertisements to all, at least (RFC 4861 §6.2.6:
// MIN_DELAY_BETWEEN_RAS).
const minInterval = 3 * time.Second

// retry is how soon an advertisement is tried again that did not leave, for the link
// has no address yet.
const retry = 50 * time.Millisecond

var (
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
)

// newAdvertiser is one on the link lan of ns. It says nothing until it is told what.
func newAdvertiser(ns *namespace.NS) (*advertiser, error) {
	s, err := openLANSocket(ns, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, 0, allRouters)
	if err != nil {
		return nil, err
	}
	var only unix.ICMPv6Filter // a set bit keeps a type out
	for i := range only.Data {
		only.Data[i] = ^uint32(0)
	}
	only.Data[ipv6.ICMPTypeRouterSolicitation>>5] &^= 1 << (ipv6.ICMPTypeRouterSolicitation & 31)
	if err := s.SetsockoptICMPv6Filter(unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &only); err != nil {
		return nil, s.closeWith(err)
	}
	a := &advertiser{lanSocket: s, now: make(chan struct{}, 1)}
	ctx, ends := context.WithCancel(context.Background())
	a.ends = ends
	a.work.Go(a.answer)
	a.work.Go(func() { a.repeat(ctx) })
	return a, nil
}

// say makes ra what is advertised from now on; nil is nothing. Who has advertised
// less than minInterval ago waits for so long until all hear what is new.
func (a *advertiser) say(ra *ndp.RouterAdvertisement, every time.Duration) (err error) {
	var message []byte
	if ra != nil {
		if message, err = ndp.MarshalMessage(ra); err != nil {
			return err
		}
	}
	a.mu.Lock()
	same := bytes.Equal(message, a.message) && every == a.every
	a.message, a.every = message, every
	a.mu.Unlock()
	if !same {
		a.linkIsUp()
	}
	return nil
}

// linkIsUp makes the advertiser speak to all, as soon as it may.
func (a *advertiser) linkIsUp() {
	select {
	case a.now <- struct{}{}:
	default:
	}
}

func (a *advertiser) said() (message []byte, every time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.message, a.every
}

// answer answers each solicitation at once, not after a while as RFC 4861 §6.2.6
// has it for those that come by accident in the same instant; and to the host alone if
// that has an address, so that a thousand do not hear a thousand answers.
func (a *advertiser) answer() {
	buf := make([]byte, 1500)
	for {
		_, from, err := a.receive(buf)
		if err != nil {
			return
		}
		if !from.IsLinkLocalUnicast() {
			a.linkIsUp() // all hear it
		} else if message, _ := a.said(); message != nil {
			_ = a.send(message, from, 0) // if it is lost the host asks again
		}
	}
}

func (a *advertiser) repeat(ctx context.Context) {
	var last time.Time
	for {
		message, every := a.said()
		wait := time.NewTimer(every)
		if message == nil {
			wait.Stop()
		} else if a.send(message, allNodes, 0) == nil {
			last = time.Now()
		} else {
			wait.Reset(retry)
		}
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
			continue
		case <-a.now:
		}
		_, every = a.said()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(last.Add(min(every, minInterval)))):
		}
	}
}

func (a *advertiser) stop() error {
	a.ends()
	err := a.Close()
	a.work.Wait()
	return err
}

// lanSocket is a socket on the link lan of a namespace, for what is said on a link
// alone. Package net would do, but knows the numbers of links by the namespace that
// it looked at last.
type lanSocket struct {
	*socket.Conn
	link int
	self netip.Addr // of the link alone
}

// openLANSocket opens one that hears what is sent to the group.
func openLANSocket(ns *namespace.NS, kind, protocol, port int, group netip.Addr) (s *lanSocket, err error) {
	s = &lanSocket{}
	err = ns.Do(func() error {
		lan, err := net.InterfaceByName("lan")
		if err != nil {
			return err
		}
		s.link, s.self = lan.Index, linkLocal(lan.HardwareAddr)
		s.Conn, err = socket.Socket(unix.AF_INET6, kind, protocol, "lan", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, s.closeWith(err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(s.link)})
	})
	for _, set := range []func() error{
		func() error { return err },
		func() error { return inner },
		func() error { return s.SetsockoptString(unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lan") },
		func() error { return forceReadBuffer(s, dhcpBacklog) },
		func() error { return s.Bind(&unix.SockaddrInet6{Port: port}) },
	} {
		if err := set(); err != nil {
			return nil, s.closeWith(err)
		}
	}
	return s, nil
}

func (s *lanSocket) closeWith(err error) error {
	_ = s.Close()
	return err
}

// receive waits for a message. Its sender is invalid if it is not of the link.
func (s *lanSocket) receive(buf []byte) (n int, from netip.Addr, err error) {
	n, peer, err := s.Recvfrom(context.Background(), buf, 0)
	if at, ok := peer.(*unix.SockaddrInet6); ok {
		from = netip.AddrFrom16(at.Addr)
	}
	return n, from, err
}

// send sends a message from the address of the link, with the hop limit that shows
// that it comes from no farther (RFC 4861 §4.2). It fails while the link lacks that
// address.
func (s *lanSocket) send(message []byte, to netip.Addr, port int) error {
	control := ipv6.ControlMessage{Src: s.self.AsSlice(), IfIndex: s.link, HopLimit: ndp.HopLimit}
	_, err := s.Sendmsg(context.Background(), message, control.Marshal(), &unix.SockaddrInet6{Addr: to.As16(), Port: port, ZoneId: uint32(s.link)}, 0)
	return err
}
