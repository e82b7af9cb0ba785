package netmgr_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// enemy is a host on the LAN that sends what it likes.
type enemy struct {
	conn *packet.Conn
	sent atomic.Int64
}

var (
	enemyMAC = net.HardwareAddr{0x06, 0x66, 0x66, 0x66, 0x66, 0x66}
	toAll    = net.HardwareAddr{255, 255, 255, 255, 255, 255}
)

func newEnemy(t *testing.T, l *lab.Lab) *enemy {
	t.Helper()
	ns, err := namespace.Open(l.Namespaces()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	e := &enemy{}
	err = ns.Do(func() error {
		lan, err := net.InterfaceByName("lan")
		if err != nil {
			return err
		}
		e.conn, err = packet.Listen(lan, packet.Raw, unix.ETH_P_LOOPBACK, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.conn.Close() })
	return e
}

// send puts a frame on the LAN, or drops it when there is no room for it.
func (e *enemy) send(frame []byte) {
	if _, err := e.conn.WriteTo(frame, &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:6])}); err == nil {
		e.sent.Add(1)
	}
}

// flood sends what next makes, so many frames a second, until it is stopped or
// has sent most of them.
func (e *enemy) flood(t *testing.T, rate, most int, next func(i int) []byte) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		start := time.Now()
		for i := 0; i < most && ctx.Err() == nil; i++ {
			e.send(next(i))
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(start); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// macs are those that clients of this machine have, told by one of them.
func macs(one net.HardwareAddr, n int) (all []net.HardwareAddr) {
	for i := range n {
		mac := slices.Clone(one)
		binary.BigEndian.PutUint16(mac[4:], uint16(i+1))
		all = append(all, mac)
	}
	return all
}

// datagram is a frame with UDP over IPv4 from the router's port for DHCP to a
// client's, with the right checksums.
func datagram(to net.HardwareAddr, payload []byte) []byte {
	frame := slices.Concat(to, enemyMAC, []byte{8, 0})
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 77, 0, 1, 255, 255, 255, 255}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+8+len(payload)))
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	udp := append([]byte{0, dhcpv4.ServerPort, 0, dhcpv4.ClientPort, 0, 0, 0, 0}, payload...)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	pseudo := slices.Concat(ip[12:20], []byte{0, unix.IPPROTO_UDP}, udp[4:6], udp)
	binary.BigEndian.PutUint16(udp[6:], checksum(pseudo))
	return slices.Concat(frame, ip, udp)
}

func checksum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// claim is a frame in which a host says by ARP that it has addr.
func claim(owner net.HardwareAddr, addr netip.Addr) []byte {
	return slices.Concat(toAll, owner, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 2}, owner, addr.AsSlice(), toAll, addr.AsSlice())
}

// offer is an answer to a client that did not ask for it.
func offer(t *testing.T, mac net.HardwareAddr, kind dhcpv4.MessageType) []byte {
	t.Helper()
	msg, err := dhcpv4.New(
		dhcpv4.WithHwAddr(mac), dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IP{10, 77, 200, 200}),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IP{10, 77, 0, 66})),
		dhcpv4.WithNetmask(net.CIDRMask(16, 32)), dhcpv4.WithLeaseTime(3600))
	if err != nil {
		t.Fatal(err)
	}
	msg.OpCode = dhcpv4.OpcodeBootReply
	return msg.ToBytes()
}

// spoil makes an answer one that nobody should believe.
func spoil(wire []byte, i int) []byte {
	wire = slices.Clone(wire)
	binary.BigEndian.PutUint32(wire[4:], rand.Uint32())
	const options = 240
	switch i % 4 {
	case 1: // an option that claims more than there is
		wire = append(wire[:len(wire)-1], 12, 255, 'x')
	case 2: // nothing but garbage
		for j := options; j < len(wire); j++ {
			wire[j] = byte(rand.Uint32())
		}
	case 3: // cut off
		wire = wire[:34+rand.IntN(len(wire)-34)]
	}
	return wire
}

func TestAFloodOfAnswersKeepsNobodyFromALease(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 51)
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	all := macs(create(t, m, 1)[0].MAC, 51)
	var frames [][]byte
	for i := range 1000 {
		mac := all[i%len(all)]
		wire := offer(t, mac, []dhcpv4.MessageType{dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak}[i%3])
		frames = append(frames, datagram([]net.HardwareAddr{mac, toAll}[i%2], spoil(wire, i)))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	e := newEnemy(t, l)
	stop := e.flood(t, 20_000, 200_000, func(i int) []byte { return frames[i%len(frames)] })
	create(t, m, 50)
	await(t, "the flood is a flood", func() bool { return e.sent.Load() > 20_000 })
	stop()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	for _, c := range m.Clients() {
		if a := c.Lease().Address.Addr(); !a.IsValid() || c.Lease().Server != l.Router {
			t.Errorf("%s has %s from %s", c.Name, a, c.Lease().Server)
		}
	}
	cleanup(t, m)
	awaitLeases(t, l, 0)
}

// Whoever claims addresses at random hits those of nobody, or of a few, who then
// ask for others.
func TestAFloodOfClaimsOfRandomAddresses(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	e := newEnemy(t, l)
	stop := e.flood(t, 20_000, 200_000, func(int) []byte {
		return claim(enemyMAC, netip.AddrFrom4([4]byte{10, 77, byte(128 + rand.IntN(128)), byte(rand.Uint32())}))
	})
	create(t, m, 50)
	await(t, "the flood is a flood", func() bool { return e.sent.Load() > 20_000 })
	stop()
	if lost := m.Past().NotKept(); len(lost) > 0 {
		t.Errorf("%v", lost)
	}
	cleanup(t, m)
	awaitLeases(t, l, 0)
}

// A host that claims all that is given out keeps everybody from it, and what
// they say of it names it.
func TestAHostThatClaimsEveryAddress(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 2 * time.Second})
	e := newEnemy(t, l)
	stop := e.flood(t, 20_000, 200_000, func(i int) []byte {
		return claim(enemyMAC, netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + i%20)}))
	})
	err := m.CreateClients(t.Context(), 10)
	stop()
	if err == nil || !strings.Contains(err.Error(), "is that of "+enemyMAC.String()) {
		t.Errorf("%v, want that %s has the addresses", err, enemyMAC)
	}
	if len(m.Clients()) > 0 {
		t.Errorf("%d clients stand", len(m.Clients()))
	}
	awaitLeases(t, l, 0)
}

// The addresses of clients that stand, claimed again and again: they go, and
// with them all that the kernel knew of them, and Cleanup still comes through.
func TestClientsWhoseAddressesAreClaimedGiveThemUp(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 10)
	keeping := m.Past().NotKept
	var frames [][]byte
	for _, c := range clients {
		frames = append(frames, claim(enemyMAC, c.Lease().Address.Addr()))
	}
	stop := newEnemy(t, l).flood(t, 20_000, 20_000, func(i int) []byte { return frames[i%len(frames)] })
	for _, c := range clients {
		await(t, c.Name+" gives its address up", func() bool { return !c.Lease().Address.IsValid() && lifetime(t, c) == 0 })
	}
	stop()
	if lost := keeping(); len(lost) != 10 || !strings.Contains(lost[0].Err.Error(), "is that of "+enemyMAC.String()) {
		t.Errorf("%+v", lost)
	}
	cleanup(t, m)
}

// Another LAN on the same cable may have the same addresses.
func TestClaimsOnAnotherVLANAreNoMatter(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 3)
	keeping := m.Past().NotKept
	tagged := func(frame []byte, vlan byte) []byte {
		return slices.Concat(frame[:12], []byte{0x81, 0, 0, vlan}, frame[12:])
	}
	e := newEnemy(t, l)
	for range 3 {
		for _, c := range clients[:2] {
			e.send(tagged(claim(enemyMAC, c.Lease().Address.Addr()), 7))
		}
	}
	last := clients[2] // whose claims have a tag of no VLAN, by which it is seen that the others were heard before
	for range 3 {
		e.send(tagged(claim(enemyMAC, last.Lease().Address.Addr()), 0))
	}
	await(t, last.Name+" gives its address up", func() bool { return !last.Lease().Address.IsValid() })
	if lost := keeping(); len(lost) != 1 || lost[0].Client != last.Name {
		t.Errorf("%+v", lost)
	}
}

func TestAnswersWithWrongChecksumsAreDroppedAndRemarked(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 4)
	e := newEnemy(t, l)
	const ipChecksum, udpChecksum, ident = 14 + 10, 14 + 20 + 6, 14 + 4
	for i, at := range []int{ipChecksum, udpChecksum, ident} {
		wrong := datagram(clients[i].MAC, offer(t, clients[i].MAC, dhcpv4.MessageTypeNak))
		wrong[at] ^= 0x5a
		e.send(wrong)
	}
	e.send(datagram(clients[3].MAC, offer(t, clients[3].MAC, dhcpv4.MessageTypeNak)))
	count := func(what string) (n int) {
		for _, r := range m.Remarks() {
			if strings.Contains(r.What, what) {
				n++
			}
		}
		return n
	}
	await(t, "the wrong checksums are remarked", func() bool {
		return count("wrong IP checksum") == 2 && count("wrong UDP checksum") == 1
	})
}

func TestAServerThatRefusesForEver(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("nak"))
	m := newManager(t, netmgr.Options{Parent: l.Parent, InFlight: 3, DHCPTimeout: 3 * time.Second})
	before := runtime.NumGoroutine()
	if err := m.CreateClients(t.Context(), 20); err == nil || !strings.Contains(err.Error(), "refused by NAK") {
		t.Errorf("%v, want NAKs", err)
	}
	await(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	awaitLeases(t, l, 0)
}

// A server whose ACK is for another address than its OFFER, and not even the
// same one twice.
func TestAServerThatChangesItsMind(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("silent-dhcp"))
	e := newEnemy(t, l)
	ns, err := namespace.Open(l.Namespaces()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var heard *packet.Conn
	err = ns.Do(func() error {
		lan, err := net.InterfaceByName("lan")
		if err == nil {
			heard, err = packet.Listen(lan, packet.Raw, unix.ETH_P_IP, nil)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for next := byte(100); ; next++ {
			n, _, err := heard.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 14+28+240 {
				continue
			}
			asked, err := dhcpv4.FromBytes(slices.Clone(buf[14+28 : n]))
			if err != nil || asked.OpCode != dhcpv4.OpcodeBootRequest {
				continue
			}
			kind := dhcpv4.MessageTypeAck
			if asked.MessageType() == dhcpv4.MessageTypeDiscover {
				kind = dhcpv4.MessageTypeOffer
			}
			wire := offer(t, asked.ClientHWAddr, kind)
			copy(wire[4:], asked.TransactionID[:])
			copy(wire[16:], []byte{10, 77, 1, next})
			e.send(datagram(asked.ClientHWAddr, wire))
		}
	}()
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 3)
	remarked := 0
	for _, r := range m.Remarks() {
		if strings.Contains(r.What, "an ACK for another address") {
			remarked++
		}
	}
	if remarked != len(clients) {
		t.Errorf("remarked of %d clients, want %d", remarked, len(clients))
	}
	for _, c := range clients {
		if !c.Lease().Address.IsValid() || lifetime(t, c) == 0 {
			t.Errorf("%s has %s", c.Name, c.Lease().Address)
		}
	}
	cleanup(t, m)
	heard.Close()
	<-done
}

// Leases of a second, renewed all the while others are made, fail or are taken
// down.
func TestShortLeasesWhileOthersComeAndFail(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 70)
	opts := labOptions()
	opts.LeaseTime, opts.Pool = time.Second, 40
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 2 * time.Second})
	create(t, m, 20)
	create(t, m, 10)
	if err := m.CreateClients(t.Context(), 40); err == nil {
		t.Error("more clients than addresses")
	}
	if len(m.Clients()) > 0 {
		t.Errorf("%d clients stand", len(m.Clients()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.CreateClients(ctx, 40) }()
	await(t, "some leases", func() bool { n, err := l.Leases(); return err == nil && n > 10 })
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// ^C while kernels are in the middle of following leases.
func TestCancelledWhileClientsAreConfigured(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	nstest.Crowd(t, 60)
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent, TrustAddresses: true})
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.CreateClients(ctx, 60) }()
		await(t, "some leases", func() bool { n, err := l.Leases(); return err == nil && n > 20 })
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cleanup(t, m)
		if err := l.Forget(); err != nil { // what was acknowledged too late to be heard
			t.Fatal(err)
		}
	}
}
