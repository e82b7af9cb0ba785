package lab

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// rogueRouter is a host of the LAN that says it is a router, and throws away what it
// is to forward: it does not.
type rogueRouter struct {
	*advertiser
	ns *namespace.NS
}

// The rogue router's prefix; and its MAC address, and that of the host with every
// address, go with those of the other links of the lab.
var (
	roguePrefix    = netip.MustParsePrefix("2001:db8:bad::/64")
	rogueRouterMAC = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x05}
	hoarderMAC     = net.HardwareAddr{0x02, 0x4c, 0x53, 0, 0, 0x06}
)

func rogueRouterOf(parent string) string { return parent + "-rogue6" }

// setRogueRouter lets the rogue router in, or unplugs it.
func (l *Lab) setRogueRouter(on bool) (err error) {
	if r := l.rogueRouter; r != nil {
		l.rogueRouter = nil
		return errors.Join(r.stop(), r.ns.DeleteLinks(), r.ns.Delete())
	}
	if !on {
		return nil
	}
	ns, err := namespace.CreateMarked(rogueRouterOf(l.Parent), l.opts.Journal.Mark(), namespace.Dual)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ns.DeleteLinks(), ns.Delete())
		}
	}()
	for _, key := range []string{"accept_dad", "accept_ra"} { // it asks nobody
		if err := ns.SetSysctl("net/ipv6/conf/default/"+key, "0"); err != nil {
			return err
		}
	}
	if err := l.connectHost(ns, rogueRouterMAC, netip.PrefixFrom(routerIn(roguePrefix), roguePrefix.Bits())); err != nil {
		return err
	}
	a, err := newAdvertiser(ns)
	if err != nil {
		return err
	}
	l.rogueRouter = &rogueRouter{a, ns}
	ra := routerAdvertisement(rogueRouterMAC, prefixOption(roguePrefix))
	ra.RouterSelectionPreference = ndp.High
	return a.say(ra, advertiseEvery)
}

// hoarder is a host of the LAN that has every global address which another
// wants: it answers duplicate address detection (RFC 4862 §5.4.3).
type hoarder struct {
	frames *packet.Conn
	work   sync.WaitGroup
}

// setHoarder lets the hoarder in, or unplugs it. It is no more than a socket on the
// router's link.
func (l *Lab) setHoarder(on bool) error {
	if h := l.hoarder; h != nil {
		l.hoarder = nil
		err := h.frames.Close()
		h.work.Wait()
		return err
	}
	if !on {
		return nil
	}
	h := &hoarder{}
	err := l.router.Do(func() error {
		lan, err := net.InterfaceByName("lan")
		if err != nil {
			return err
		}
		if h.frames, err = packet.Listen(lan, packet.Raw, unix.ETH_P_IPV6, nil); err != nil {
			return err
		}
		return h.frames.SetPromiscuous(true) // the groups of all addresses
	})
	if err != nil {
		return err
	}
	h.work.Go(h.answer)
	l.hoarder = h
	return nil
}

// Where things are in the frame of a neighbour solicitation without extension headers.
const (
	nextHeaderAt = 14 + 6
	sourceAt     = 14 + 8
	typeAt       = 14 + 40
	targetAt     = typeAt + 8
)

func (h *hoarder) answer() {
	buf := make([]byte, 1600)
	for {
		n, _, err := h.frames.ReadFrom(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // said once each time that the router reboots
		}
		if err != nil {
			return
		}
		if claim := claimed(buf[:n]); claim != nil {
			_, _ = h.frames.WriteTo(claim, &packet.Addr{HardwareAddr: net.HardwareAddr(claim[:6])})
		}
	}
}

// claimed is the frame that says whose the global address is which a host without one
// asks for; nil if frame does not.
func claimed(frame []byte) []byte {
	if len(frame) < targetAt+16 || frame[nextHeaderAt] != unix.IPPROTO_ICMPV6 || frame[typeAt] != byte(ipv6.ICMPTypeNeighborSolicitation) {
		return nil
	}
	source, target := netip.AddrFrom16([16]byte(frame[sourceAt:])), netip.AddrFrom16([16]byte(frame[targetAt:]))
	if !source.IsUnspecified() || !target.IsGlobalUnicast() {
		return nil
	}
	body, err := ndp.MarshalMessageChecksum(&ndp.NeighborAdvertisement{
		Override: true, TargetAddress: target,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: hoarderMAC}},
	}, target, allNodes)
	if err != nil {
		return nil
	}
	frame = append([]byte{0x33, 0x33, 0, 0, 0, 1}, hoarderMAC...)
	frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(body)), unix.IPPROTO_ICMPV6, ndp.HopLimit)
	frame = append(append(frame, target.AsSlice()...), allNodes.AsSlice()...)
	return append(frame, body...)
}
