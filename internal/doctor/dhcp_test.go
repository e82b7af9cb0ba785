package doctor

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func startLab(t *testing.T, faults ...lab.Fault) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/24"), Pool: 20, LeaseTime: time.Hour, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// client is the name of a macvlan in a scratch namespace.
const client = "doctor"

// addMacvlan makes a macvlan in the namespace on a link that h knows.
func (s *scratch) addMacvlan(h *netlink.Handle, attrs netlink.LinkAttrs) (netlink.Link, error) {
	attrs.Name, attrs.Namespace, attrs.TxQLen = client, netlink.NsFd(s.FD()), -1
	if err := h.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
		return nil, err
	}
	link, err := s.nl.LinkByName(client)
	if err != nil {
		return nil, err
	}
	return link, s.nl.LinkSetUp(link)
}

// twice is how often a server answers that repeats itself: it is still one.
func twice() int { return 2 }

// neighbour puts a host behind the lab router's port. Its MAC address is chance's if
// mac is nil.
func neighbour(t *testing.T, l *lab.Lab, address string, mac net.HardwareAddr) (*scratch, netlink.Link, *netlink.Addr) {
	t.Helper()
	host, err := newScratch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.close(); err != nil {
			t.Error(err)
		}
	})
	router, err := namespace.Open(l.Namespaces()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	there, err := router.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	lan, err := there.LinkByName("lan")
	if err != nil {
		t.Fatal(err)
	}
	link, err := host.addMacvlan(there, netlink.LinkAttrs{ParentIndex: lan.Attrs().Index, HardwareAddr: mac})
	if err != nil {
		t.Fatal(err)
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.nl.AddrAdd(link, addr); err != nil {
		t.Fatal(err)
	}
	return host, link, addr
}

// serveToo puts a second DHCP server at 10.77.0.9 behind the lab router's port, which
// answers each DISCOVER as often as times says, and returns its MAC address.
func serveToo(t *testing.T, l *lab.Lab, times func() int) string {
	t.Helper()
	rogue, link, addr := neighbour(t, l, "10.77.0.9/24", nil)
	var conn *net.UDPConn
	err := rogue.Do(func() (err error) {
		conn, err = server4.NewIPv4UDPConn(client, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	self := addr.IP
	server, err := server4.NewServer(client, nil, func(conn net.PacketConn, peer net.Addr, req *dhcpv4.DHCPv4) {
		if req.MessageType() != dhcpv4.MessageTypeDiscover {
			t.Errorf("the doctor sent %s", req.MessageType())
			return
		}
		resp, err := dhcpv4.NewReplyFromRequest(req,
			dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer),
			dhcpv4.WithYourIP(net.IPv4(10, 77, 0, 200)),
			dhcpv4.WithNetmask(addr.Mask),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(self)))
		if err != nil {
			t.Error(err)
			return
		}
		for range times() {
			if _, err := conn.WriteTo(resp.ToBytes(), peer); err != nil {
				t.Error(err)
			}
		}
	}, server4.WithConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve() }()
	t.Cleanup(func() { server.Close(); <-ended })
	return link.Attrs().HardwareAddr.String()
}

// about are the checks whose names are given, as one text each.
func about(checks []Check, names ...string) []string {
	var texts []string
	for _, name := range names {
		for _, c := range checks {
			if c.Name == name {
				texts = append(texts, fmt.Sprintf("%s %s", c.Status, c))
			}
		}
	}
	return texts
}

const inTime = time.Second // for a server of the same machine to answer

func TestOneServerIsAsItShouldBe(t *testing.T) {
	l := startLab(t)
	before := state(t)
	checks := Run(t.Context(), Options{Interface: l.Parent, Clients: 20, Listen: inTime})
	want := []string{
		"ok interface: " + l.Parent + " is Ethernet (02:4c:53:00:00:02, MTU 1500)",
		"ok link: " + l.Parent + " is up and has a carrier",
		"ok macvlan: one was made and removed",
		"ok DHCP servers: one answers: 10.77.0.1 (MAC 02:4c:53:00:00:01); it offered 10.77.0.10",
		"ok addresses: 10.77.0.0/24 has room for 253 clients; how many of its addresses are free cannot be seen",
		"ok machine id: no other machine's clients have the MAC addresses of this one's at this moment",
	}
	if diff := cmp.Diff(want, about(checks, "interface", "link", "macvlan", "DHCP servers", "addresses", "machine id")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if after := state(t); after != before {
		t.Errorf("the machine is not as it was: %s", cmp.Diff(before, after))
	}
	if n, err := l.Leases(); n != 0 || err != nil {
		t.Errorf("the doctor took %d leases (%v)", n, err)
	}
}

func TestASecondServerIsAWarning(t *testing.T) {
	l := startLab(t)
	mac := serveToo(t, l, twice)
	checks := Run(t.Context(), Options{Interface: l.Parent, Clients: 20, Listen: inTime})
	want := []string{"warning DHCP servers: 2 answer: 10.77.0.1 (MAC 02:4c:53:00:00:01), 10.77.0.9 (MAC " + mac + "); " +
		"switch off those that should not be there: a client takes whichever offer comes first"}
	if diff := cmp.Diff(want, about(checks, "DHCP servers")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestARogueAloneIsFoundToo(t *testing.T) {
	l := startLab(t, "silent-dhcp")
	mac := serveToo(t, l, twice)
	checks := Run(t.Context(), Options{Interface: l.Parent, Clients: 20, Listen: inTime})
	want := []string{"ok DHCP servers: one answers: 10.77.0.9 (MAC " + mac + "); it offered 10.77.0.200"}
	if diff := cmp.Diff(want, about(checks, "DHCP servers")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestClientsOfACopyOfThisMachineAreAProblem(t *testing.T) {
	l := startLab(t)
	id, _ := os.ReadFile("/etc/machine-id")
	if len(id) == 0 {
		host, _ := os.Hostname()
		id = []byte(host)
	}
	sum := sha256.Sum256(append([]byte("lanstorm "), id...)) // netmgr's TestMACsStayAsTheyAre
	mac := net.HardwareAddr{0x02, sum[0], sum[1], sum[2], 0, 7}
	neighbour(t, l, "10.77.0.17/24", mac)
	neighbour(t, l, "10.77.0.18/24", nil)
	checks := Run(t.Context(), Options{Interface: l.Parent, Clients: 20, Listen: inTime})
	want := []string{"problem machine id: another machine's clients have the MAC addresses of this one's: 10.77.0.17 (MAC " + mac.String() + "), 1 in all; " +
		"if its SD card is a copy, there: sudo rm /etc/machine-id && sudo systemd-machine-id-setup && sudo reboot; if it is this machine itself, end the run on its other port"}
	if diff := cmp.Diff(want, about(checks, "machine id")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNoServerIsAProblem(t *testing.T) {
	l := startLab(t, "silent-dhcp")
	checks := Run(t.Context(), Options{Interface: l.Parent, Clients: 20, Listen: 100 * time.Millisecond})
	want := []string{
		"problem DHCP servers: nobody offered an address within 100ms; switch on the router's DHCP server, and check that the cable goes to a LAN port",
		"skipped addresses: no offer, so no subnet",
	}
	if diff := cmp.Diff(want, about(checks, "DHCP servers", "addresses")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAnInterruptedDoctorLeavesNothing(t *testing.T) {
	l := startLab(t, "silent-dhcp")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	serveToo(t, l, func() int {
		cancel() // the DISCOVER is out: the doctor listens
		return 0
	})
	before := state(t)
	checks := Run(ctx, Options{Interface: l.Parent, Listen: time.Hour})
	if diff := cmp.Diff([]string{"skipped DHCP servers: interrupted"}, about(checks, "DHCP servers")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if after := state(t); after != before {
		t.Errorf("the machine is not as it was: %s", cmp.Diff(before, after))
	}
	// Its address is free, so it does not hang from the parent any more.
	again := Run(t.Context(), Options{Interface: l.Parent, Listen: time.Millisecond})
	if got := about(again, "DHCP servers"); len(got) != 1 || !strings.Contains(got[0], "nobody offered") {
		t.Errorf("afterwards: %v", got)
	}
}

func TestCheckAddresses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		offer   string // the address in its subnet
		clients int
		want    string
	}{
		{"a home router", "192.168.1.57/24", 200, "ok: 192.168.1.0/24 has room for 253 clients; how many of its addresses are free cannot be seen"},
		{"every last one", "192.168.1.57/24", 253, "ok: 192.168.1.0/24 has room for 253 clients; how many of its addresses are free cannot be seen"},
		{"one too many", "192.168.1.57/24", 254, "problem: 192.168.1.0/24 has room for 253 clients, not for 254 -> use fewer clients, or widen the router's subnet"},
		{"an offer of no use", "", 200, "skipped: the offer names no subnet with room for clients"},
		{"a point-to-point link", "192.168.1.57/32", 200, "skipped: the offer names no subnet with room for clients"},
		{"no offer", "none", 200, "skipped: no offer, so no subnet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0", Clients: tt.clients}, nil)
			if tt.offer != "none" {
				p, _ := netip.ParsePrefix(tt.offer)
				e.offers = []netmgr.Server{{Address: p}}
			}
			compare(t, tt.want, e.checkAddresses())
		})
	}
}
