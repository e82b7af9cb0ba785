package netmgr_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// capture is what passes the parent.
type capture struct {
	mu     sync.Mutex
	frames [][]byte
}

func startCapture(t *testing.T, l *lab.Lab) *capture {
	t.Helper()
	parent, err := net.InterfaceByName(l.Parent)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(parent, packet.Raw, unix.ETH_P_ALL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &capture{}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.frames = append(c.frames, slices.Clone(buf[:n]))
			c.mu.Unlock()
		}
	}()
	return c
}

// use counts the frames in which addr is a source: of IPv4, or of ARP.
func (c *capture) use(addr netip.Addr) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := addr.As4()
	for _, f := range c.frames {
		if len(f) < 14+28 {
			continue
		}
		switch kind := binary.BigEndian.Uint16(f[12:]); {
		case kind == unix.ETH_P_IP && [4]byte(f[26:]) == want, kind == unix.ETH_P_ARP && [4]byte(f[28:]) == want:
			n++
		}
	}
	return n
}

// pinging counts the hosts that sent an echo request.
func (c *capture) pinging() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	hosts := map[[4]byte]bool{}
	for _, f := range c.frames {
		if len(f) > 34 && binary.BigEndian.Uint16(f[12:]) == unix.ETH_P_IP && f[23] == unix.IPPROTO_ICMP && f[34] == 8 {
			hosts[[4]byte(f[26:])] = true
		}
	}
	return len(hosts)
}

// messages are the DHCP messages of a type that clients sent from addr.
func (c *capture) messages(kind dhcpv4.MessageType, from netip.Addr) (found []*dhcpv4.DHCPv4) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want := from.As4()
	for _, f := range c.frames {
		if len(f) < 14+20+8+240 || binary.BigEndian.Uint16(f[12:]) != unix.ETH_P_IP || [4]byte(f[26:]) != want {
			continue
		}
		if m, err := dhcpv4.FromBytes(f[14+20+8:]); err == nil && m.OpCode == dhcpv4.OpcodeBootRequest && m.MessageType() == kind {
			found = append(found, m)
		}
	}
	return found
}

func TestARefusedAddressIsNeverUsed(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("nak"))
	seen := startCapture(t, l)
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 2 * time.Second})
	if err := m.CreateClients(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "refused by NAK from 10.77.0.1") {
		t.Fatalf("%v, want NAKs", err)
	}
	for i := range 5 {
		addr := netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + i)})
		if n := seen.use(addr); n > 0 {
			t.Errorf("%s was used in %d frames", addr, n)
		}
	}
	if seen.use(l.Router) == 0 {
		t.Error("the capture saw nothing of the router either")
	}
}

// The server hangs once it has acknowledged the first of three OFFERs.
func TestAnAddressThatIsNeverAcknowledgedIsNeverUsed(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("stop-after 1", "delay-dhcp 500ms")) // after it has heard all DISCOVERs
	seen := startCapture(t, l)
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 2 * time.Second})
	if err := m.CreateClients(t.Context(), 3); err == nil || !strings.Contains(err.Error(), "which 10.77.0.1 had offered") {
		t.Fatalf("%v, want no ACK", err)
	}
	var used []netip.Addr
	for i := range 5 {
		addr := netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + i)})
		if seen.use(addr) > 0 {
			used = append(used, addr)
		}
	}
	if len(used) != 1 {
		t.Errorf("%v were used, want the one that was acknowledged", used)
	}
}

// lifetime is for how long the kernel has the client's address.
func lifetime(t *testing.T, c *netmgr.Client) int {
	t.Helper()
	h := handle(t, c.Name)
	addrs, err := h.AddrList(link(t, h, c.Link), netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	if len(addrs) != 1 {
		return 0
	}
	return addrs[0].ValidLft
}

func TestLeasesAreRenewedInTheKernelToo(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	opts := labOptions()
	opts.LeaseTime = 6 * time.Second
	l := startLab(t, opts)
	seen := startCapture(t, l)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	clients := create(t, m, 3)
	keeping := m.Past().NotKept
	for _, c := range clients {
		if life := lifetime(t, c); life < 1 || life > 6 {
			t.Errorf("%s has its address for %d s, want 6 at most", c.Name, life)
		}
	}
	for _, c := range clients {
		addr := c.Lease().Address.Addr()
		await(t, c.Name+" renews twice", func() bool { return len(seen.messages(dhcpv4.MessageTypeRequest, addr)) >= 2 })
		for _, r := range seen.messages(dhcpv4.MessageTypeRequest, addr) {
			if !r.ClientIPAddr.Equal(addr.AsSlice()) || r.ServerIdentifier() != nil {
				t.Errorf("a renewal that is none: %s", r.Summary())
			}
		}
	}
	if lost := keeping(); len(lost) > 0 {
		t.Errorf("%+v", lost)
	}
	for _, c := range clients {
		if life := lifetime(t, c); life < 1 {
			t.Errorf("%s has its address no more", c.Name)
		}
	}
	awaitLeases(t, l, 3)
}

// At its end an address goes, and the client begins again.
func TestAnAddressGoesWithItsLease(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	opts := labOptions()
	opts.LeaseTime = 3 * time.Second
	l := startLab(t, opts)
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	c := create(t, m, 1)[0]
	keeping := m.Past().NotKept
	if err := l.Break("silent-dhcp"); err != nil {
		t.Fatal(err)
	}
	await(t, "the lease ends", func() bool { return !c.Lease().Address.IsValid() })
	await(t, "the kernel has no address", func() bool { return lifetime(t, c) == 0 })
	if lost := keeping(); len(lost) != 1 || !strings.Contains(lost[0].Err.Error(), "has ended: nobody answered the renewal") {
		t.Errorf("%+v", lost)
	}
	if err := l.Heal(); err != nil {
		t.Fatal(err)
	}
	await(t, "it has an address again", func() bool { return lifetime(t, c) > 0 })
	for _, r := range m.PingAll(t.Context(), netmgr.Host(googleDNS), quick(1)) {
		if r.Received != 1 {
			t.Errorf("%s: %s", r.Client, r.Reason)
		}
	}
}

func TestAddressesOfOthersAreDeclined(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, brokenLab("squatters 2"))
	seen := startCapture(t, l)
	m := newManager(t, netmgr.Options{Parent: l.Parent, Prefix: "others"})
	for _, c := range create(t, m, 3) {
		if a := c.Lease().Address.Addr(); a.Less(netip.MustParseAddr("10.77.0.12")) {
			t.Errorf("%s has %s, which another host has", c.Name, a)
		}
	}
	if n := len(seen.messages(dhcpv4.MessageTypeDecline, netip.IPv4Unspecified())); n != 2 {
		t.Errorf("%d DECLINEs, want 2", n)
	}
	cleanup(t, m)
	awaitLeases(t, l, 0)
}
