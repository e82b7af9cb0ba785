package lab_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/mdlayher/packet"
	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// host is a machine on the LAN that knows nothing of netmgr.
type host struct {
	ns   *namespace.NS
	nl   *netlink.Handle
	link netlink.Link
}

func newHost(t *testing.T, l *lab.Lab, name string) *host {
	t.Helper()
	return joinLAN(t, l, name, namespace.IPv4)
}

func joinLAN(t *testing.T, l *lab.Lab, name string, speaks namespace.Speaks) *host {
	t.Helper()
	parent, err := netlink.LinkByName(l.Parent)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{}
	if h.ns, err = namespace.CreateMarked(name, "", speaks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.ns.Delete(); err != nil {
			t.Error(err)
		}
	})
	if h.nl, err = h.ns.Netlink(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.nl.Close)
	err = netlink.LinkAdd(&netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{
			Name: "port", ParentIndex: parent.Attrs().Index, Namespace: netlink.NsFd(h.ns.FD()), TxQLen: -1,
		},
		Mode: netlink.MACVLAN_MODE_PRIVATE,
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.link, err = h.nl.LinkByName("port"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.nl.LinkDel(h.link); err != nil {
			t.Error(err)
		}
	})
	if err := h.nl.LinkSetUp(h.link); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) mac() net.HardwareAddr { return h.link.Attrs().HardwareAddr }

// inside opens something in the host, to be used outside and closed with t.
func inside[T interface{ Close() error }](t *testing.T, h *host, open func() (T, error)) (opened T) {
	t.Helper()
	err := h.ns.Do(func() (err error) { opened, err = open(); return err })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	return opened
}

// frames opens a packet socket on the host's link.
func (h *host) frames(t *testing.T, kind packet.Type) *packet.Conn {
	t.Helper()
	return inside(t, h, func() (*packet.Conn, error) {
		link, err := net.InterfaceByName("port")
		if err != nil {
			return nil, err
		}
		return packet.Listen(link, kind, unix.ETH_P_IP, nil)
	})
}

func (h *host) dhcpClient(t *testing.T, conn net.PacketConn, opts ...nclient4.ClientOpt) *nclient4.Client {
	t.Helper()
	c, err := nclient4.NewWithConn(conn, h.mac(), append(opts, nclient4.WithTimeout(patience))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// unconfigured speaks DHCP as a host without an address must, by broadcast.
func (h *host) unconfigured(t *testing.T) net.PacketConn {
	t.Helper()
	return nclient4.NewBroadcastUDPConn(h.frames(t, packet.Datagram), &net.UDPAddr{Port: dhcpv4.ClientPort})
}

// configure sets the address and the default route that a lease gives.
func (h *host) configure(t *testing.T, ack *dhcpv4.DHCPv4) {
	t.Helper()
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ack.YourIPAddr, Mask: ack.SubnetMask()}}
	if err := h.nl.AddrAdd(h.link, addr); err != nil {
		t.Fatal(err)
	}
	if err := h.nl.RouteAdd(&netlink.Route{Gw: ack.Router()[0]}); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherClientIsServed takes a lease through its life with a DHCP client
// that is not ours.
func TestAnotherClientIsServed(t *testing.T) {
	opts := ordinary()
	opts.LeaseTime = 90 * time.Minute
	opts.Extra = []dhcpv4.Option{
		dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0x78}), // 1400
		dhcpv4.OptDomainName("extra.example.test"),                       // in place of the usual one
	}
	l := startLab(t, opts)
	h := newHost(t, l, "stranger")
	lease, err := h.dhcpClient(t, h.unconfigured(t)).Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"address": "10.77.0.10", "server": "10.77.0.1", "mask": "ffff0000", "router": "[10.77.0.1]",
		"dns": "[10.77.0.1]", "time": "1h30m0s", "mtu": "0578", "domain": "extra.example.test",
	}
	for _, m := range []*dhcpv4.DHCPv4{lease.Offer, lease.ACK} {
		got := map[string]string{
			"address": m.YourIPAddr.String(),
			"server":  m.ServerIdentifier().String(),
			"mask":    m.SubnetMask().String(),
			"router":  fmt.Sprint(m.Router()),
			"dns":     fmt.Sprint(m.DNS()),
			"time":    m.IPAddressLeaseTime(0).String(),
			"mtu":     fmt.Sprintf("%x", m.Options.Get(dhcpv4.OptionInterfaceMTU)),
			"domain":  m.DomainName(),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m.MessageType(), diff)
		}
	}
	awaitLeases(t, l, 1)

	h.configure(t, lease.ACK)
	resolver := inside(t, h, func() (*net.UDPConn, error) {
		return net.DialUDP("udp4", nil, &net.UDPAddr{IP: lease.ACK.DNS()[0], Port: 53})
	})
	client := dns.Client{Timeout: patience}
	resp, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.test.", dns.TypeA), &dns.Conn{Conn: resolver})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Answer) != 1 || resp.Answer[0].(*dns.A).A.String() != "198.51.100.80" {
		t.Errorf("example.test: %v", resp.Answer)
	}

	renewing := h.dhcpClient(t,
		inside(t, h, func() (*net.UDPConn, error) {
			return net.ListenUDP("udp4", &net.UDPAddr{IP: lease.ACK.YourIPAddr, Port: dhcpv4.ClientPort})
		}),
		nclient4.WithServerAddr(&net.UDPAddr{IP: lease.ACK.ServerIdentifier(), Port: dhcpv4.ServerPort}))
	renewed, err := renewing.Renew(t.Context(), lease)
	if err != nil {
		t.Fatal(err)
	}
	if !renewed.ACK.YourIPAddr.Equal(lease.ACK.YourIPAddr) || renewed.ACK.IPAddressLeaseTime(0) != opts.LeaseTime {
		t.Errorf("renewed: %s", renewed.ACK.Summary())
	}
	informed, err := renewing.Inform(t.Context(), lease.ACK.YourIPAddr)
	if err != nil {
		t.Fatal(err)
	}
	if !informed.YourIPAddr.IsUnspecified() || informed.IPAddressLeaseTime(0) != 0 || len(informed.DNS()) != 1 {
		t.Errorf("informed: %s", informed.Summary())
	}
	awaitLeases(t, l, 1)
	if err := renewing.Release(renewed); err != nil {
		t.Fatal(err)
	}
	awaitLeases(t, l, 0)
}

// TestAnswersGoWhereTheyShould looks at the frames: RFC 2131 §4.1.
func TestAnswersGoWhereTheyShould(t *testing.T) {
	l := startLab(t, ordinary())
	h := newHost(t, l, "listener")
	all := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for _, tt := range []struct {
		name string
		kind dhcpv4.MessageType
		with []dhcpv4.Modifier
		want frame
	}{
		{"an OFFER to the client alone", dhcpv4.MessageTypeDiscover, nil,
			frame{h.mac().String(), "10.77.0.10", dhcpv4.MessageTypeOffer}},
		{"an OFFER to all when the client cannot hear otherwise", dhcpv4.MessageTypeDiscover,
			[]dhcpv4.Modifier{dhcpv4.WithBroadcast(true)},
			frame{all.String(), "255.255.255.255", dhcpv4.MessageTypeOffer}},
		{"a NAK to all, for the client's address may be wrong", dhcpv4.MessageTypeRequest,
			[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(192, 168, 1, 20)))},
			frame{all.String(), "255.255.255.255", dhcpv4.MessageTypeNak}},
		{"a NAK to all although the client says that it has an address", dhcpv4.MessageTypeRequest,
			[]dhcpv4.Modifier{dhcpv4.WithClientIP(net.IPv4(192, 168, 1, 20))},
			frame{all.String(), "255.255.255.255", dhcpv4.MessageTypeNak}},
		{"an ACK to the client alone", dhcpv4.MessageTypeRequest,
			[]dhcpv4.Modifier{dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 77, 0, 10)))},
			frame{h.mac().String(), "10.77.0.10", dhcpv4.MessageTypeAck}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := dhcpv4.New(append(tt.with, dhcpv4.WithMessageType(tt.kind), dhcpv4.WithHwAddr(h.mac()))...)
			if err != nil {
				t.Fatal(err)
			}
			raw := h.frames(t, packet.Raw)
			to := &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ServerPort}
			if _, err := h.unconfigured(t).WriteTo(req.ToBytes(), to); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, answerTo(t, raw, req)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

type frame struct {
	MAC, IP string // where it goes
	Type    dhcpv4.MessageType
}

// answerTo waits for the frame that answers req.
func answerTo(t *testing.T, raw *packet.Conn, req *dhcpv4.DHCPv4) frame {
	t.Helper()
	if err := raw.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	const ethernet, ip, udp = 14, 20, 8
	buf := make([]byte, 2048)
	for {
		n, _, err := raw.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		f := buf[:n]
		if n < ethernet+ip+udp || binary.BigEndian.Uint16(f[ethernet+ip+2:]) != dhcpv4.ClientPort {
			continue
		}
		m, err := dhcpv4.FromBytes(f[ethernet+ip+udp:])
		if err != nil {
			t.Fatal(err)
		}
		if m.TransactionID == req.TransactionID {
			return frame{net.HardwareAddr(f[:6]).String(), net.IP(f[ethernet+16 : ethernet+20]).String(), m.MessageType()}
		}
	}
}
