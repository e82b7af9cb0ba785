package lab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/mdlayher/ndp"
	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// of6 is a lab in which hosts come by IPv6 addresses so.
func of6(way lab.IPv6, faults ...lab.Fault) lab.Options {
	opts := ordinary(faults...)
	opts.IPv6 = way
	return opts
}

// newDual is a machine on the LAN that speaks IPv6 as the kernel does by itself.
func newDual(t *testing.T, l *lab.Lab, name string) *host {
	t.Helper()
	return joinLAN(t, l, name, namespace.Dual)
}

// addresses are the global IPv6 addresses of the host; a deprecated one has a minus sign,
// and one that is not to be used, for another host has it, an exclamation mark.
func (h *host) addresses(t *testing.T) (all []string) {
	t.Helper()
	addrs, err := h.nl.AddrList(h.link, netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if a.Scope != unix.RT_SCOPE_UNIVERSE || a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_DADFAILED == 0 {
			continue
		}
		text := a.IPNet.String()
		if a.PreferedLft == 0 {
			text = "-" + text
		}
		if a.Flags&unix.IFA_F_DADFAILED != 0 {
			text = "!" + text
		}
		all = append(all, text)
	}
	return all
}

// awaitAddress waits until the host has an address that begins so.
func (h *host) awaitAddress(t *testing.T, prefix string) {
	t.Helper()
	eventually(t, "the host has an address of "+prefix, func() bool {
		for _, a := range h.addresses(t) {
			if strings.HasPrefix(a, prefix) {
				return true
			}
		}
		return false
	})
}

// pings6 reports whether a ping is answered, and tries for a while.
func (h *host) pings6(t *testing.T, target string) bool {
	t.Helper()
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("ip6:ipv6-icmp", "::") })
	for i := range 10 {
		echo := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: 7, Seq: i}}
		packet, err := echo.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.WriteTo(packet, &net.IPAddr{IP: net.ParseIP(target)})
		_ = conn.SetReadDeadline(time.Now().Add(shortly))
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			if n > 0 && buf[0] == byte(ipv6.ICMPTypeEchoReply) && from.(*net.IPAddr).IP.String() == target {
				return true
			}
		}
	}
	return false
}

// asks6 asks a name server for the IPv6 address of example.test.
func (h *host) asks6(t *testing.T, server string) string {
	t.Helper()
	var conn net.Conn
	err := h.ns.Do(func() (err error) { conn, err = net.Dial("udp", net.JoinHostPort(server, "53")); return err })
	if err != nil {
		return noAnswer
	}
	defer conn.Close()
	client := dns.Client{Timeout: patience}
	resp, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.test.", dns.TypeAAAA), &dns.Conn{Conn: conn})
	if err != nil || len(resp.Answer) == 0 {
		return noAnswer
	}
	return resp.Answer[0].(*dns.AAAA).AAAA.String()
}

// gets6 gets something of the web server over IPv6.
func (h *host) gets6(t *testing.T, path string) (*http.Response, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
		err = h.ns.Do(func() error {
			conn, err = net.DialTimeout("tcp6", "[2001:db8:80::80]:80", patience)
			return err
		})
		return conn, err
	}}
	return (&http.Client{Transport: transport}).Get("http://example.test" + path)
}

// browses6 fetches the page over IPv6 and shows its last line.
func (h *host) browses6(t *testing.T) string {
	t.Helper()
	resp, err := h.gets6(t, "/")
	if err != nil {
		return noAnswer
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return noAnswer
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return fmt.Sprint(resp.StatusCode, " ", lines[len(lines)-1])
}

func TestAHostReachesTheInternetOverIPv6(t *testing.T) {
	l := startLab(t, ordinary())
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:")
	for _, target := range []string{"2001:db8:77::1", "2001:4860:4860::8888", "2606:4700:4700::1111"} {
		if !h.pings6(t, target) {
			t.Errorf("%s does not answer", target)
		}
	}
	for _, server := range []string{"2001:db8:77::1", "2001:4860:4860::8888"} {
		if got := h.asks6(t, server); got != "2001:db8:80::80" {
			t.Errorf("%s: %s", server, got)
		}
	}
	if got, want := h.browses6(t), healthy().Web; got != want {
		t.Errorf("the page: %s", got)
	}
}

// solicits asks for an advertisement until the router's comes, and returns it.
func (h *host) solicits(t *testing.T, from string) *ndp.RouterAdvertisement {
	t.Helper()
	h.awaitLinkLocal(t)
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("ip6:ipv6-icmp", "::") })
	p := ipv6.NewPacketConn(conn)
	if err := errors.Join(p.SetMulticastHopLimit(ndp.HopLimit), p.SetMulticastInterface(&net.Interface{Index: h.link.Attrs().Index}),
		p.JoinGroup(&net.Interface{Index: h.link.Attrs().Index}, &net.UDPAddr{IP: net.ParseIP("ff02::1")})); err != nil {
		t.Fatal(err)
	}
	rs, err := ndp.MarshalMessage(&ndp.RouterSolicitation{})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, _ = conn.WriteTo(rs, &net.IPAddr{IP: net.ParseIP("ff02::2"), Zone: strconv.Itoa(h.link.Attrs().Index)})
		_ = conn.SetReadDeadline(time.Now().Add(shortly))
		for {
			n, peer, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			m, err := ndp.ParseMessage(buf[:n])
			if ra, ok := m.(*ndp.RouterAdvertisement); ok && err == nil && peer.(*net.IPAddr).IP.String() == from {
				return ra
			}
		}
	}
	return nil
}

const routerLinkLocal = "fe80::4c:53ff:fe00:1"

// told6 shows an advertisement: what it says of DHCPv6, and each of its options.
func told6(ra *ndp.RouterAdvertisement) string {
	if ra == nil {
		return "nothing"
	}
	text := fmt.Sprint("for ", ra.RouterLifetime)
	if ra.ManagedConfiguration {
		text += ", M"
	}
	if ra.OtherConfiguration {
		text += ", O"
	}
	for _, o := range ra.Options {
		switch o := o.(type) {
		case *ndp.LinkLayerAddress:
			text += ", from " + o.Addr.String()
		case *ndp.PrefixInformation:
			text += fmt.Sprintf(", %s/%d for %s and %s", o.Prefix, o.PrefixLength, o.PreferredLifetime, o.ValidLifetime)
			if !o.AutonomousAddressConfiguration {
				text += " not for addresses"
			}
		case *ndp.RecursiveDNSServer:
			text += fmt.Sprint(", DNS ", o.Servers)
		case *ndp.DNSSearchList:
			text += fmt.Sprint(", search ", o.DomainNames)
		case *ndp.MTU:
			text += fmt.Sprint(", MTU ", o.MTU)
		}
	}
	return text
}

func TestRouterAdvertisementsSay(t *testing.T) {
	const (
		from   = ", from 02:4c:53:00:00:01"
		prefix = ", 2001:db8:77::/64 for 45m0s and 1h30m0s"
		dns    = ", DNS [2001:db8:77::1]"
		search = ", search [lan.example.test]"
	)
	for _, tt := range []struct {
		name   string
		way    lab.IPv6
		faults []lab.Fault
		want   string
	}{
		{"what a host needs that makes its own address", lab.SLAAC, nil, "for 30m0s" + from + prefix + dns + search},
		{"that DHCPv6 knows more", lab.Stateless, nil, "for 30m0s, O" + from + prefix + dns + search},
		{"that DHCPv6 has addresses", lab.Stateful, nil, "for 30m0s, M, O" + from + prefix + " not for addresses" + dns + search},
		{"that there are addresses of both kinds", lab.Both, nil, "for 30m0s, M, O" + from + prefix + dns + search},
		{"nothing when the router speaks IPv4 alone", lab.NoIPv6, nil, "nothing"},
		{"nothing by a fault", lab.SLAAC, []lab.Fault{"no-ra"}, "nothing"},
		{"that it is no default router", lab.SLAAC, []lab.Fault{"ra-lifetime-0"}, "for 0s" + from + prefix + dns + search},
		{"nothing of a MAC address", lab.SLAAC, []lab.Fault{"no-ra-source"}, "for 30m0s" + prefix + dns + search},
		{"lifetimes that are too long", lab.SLAAC, []lab.Fault{"long-ra-lifetimes"}, "for 30m0s" + from + ", 2001:db8:77::/64 for 168h0m0s and 720h0m0s" + dns + search},
		{"nothing of a name server", lab.SLAAC, []lab.Fault{"no-rdnss"}, "for 30m0s" + from + prefix + search},
		{"a small MTU", lab.SLAAC, []lab.Fault{"small-mtu"}, "for 30m0s" + from + prefix + dns + ", MTU 1280" + search},
		{"that DHCPv6 has addresses although it is silent", lab.SLAAC, []lab.Fault{"silent-dhcp6"}, "for 30m0s, M" + from + prefix + dns + search},
		{"another prefix", lab.SLAAC, []lab.Fault{"new-prefix"}, "for 30m0s" + from + ", 2001:db8:78::/64 for 45m0s and 1h30m0s, DNS [2001:db8:78::1]" + search},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, of6(tt.way))
			breaks(t, l, tt.faults...)
			h := newDual(t, l, l.Parent+"-dual")
			if diff := cmp.Diff(tt.want, told6(h.solicits(t, routerLinkLocal))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// sees6 is what a host sees of the router and of what is behind it.
type sees6 struct {
	Router, Internet bool
	DNS, Web         string
}

func (h *host) sees6(t *testing.T) (s sees6) {
	t.Helper()
	s.Router, s.Internet = h.pings6(t, "2001:db8:77::1"), h.pings6(t, "2001:4860:4860::8888")
	s.DNS, s.Web = h.asks6(t, "2001:db8:77::1"), h.browses6(t)
	return s
}

func TestIPv6BreaksAndHeals(t *testing.T) {
	whole := sees6{true, true, "2001:db8:80::80", healthy().Web}
	for _, tt := range []struct {
		fault lab.Fault
		want  sees6
	}{
		{"ipv6-internet-down", sees6{true, false, "2001:db8:80::80", noAnswer}},
		{"internet-down", sees6{true, false, noAnswer, noAnswer}},
		{"loss 100%", sees6{true, false, noAnswer, noAnswer}},
		{"silent-dns", sees6{true, true, noAnswer, healthy().Web}},
		{"first-client-only", whole},
		{"few-neighbours 1", whole},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			l := startLab(t, ordinary())
			h := newDual(t, l, l.Parent+"-dual")
			h.awaitAddress(t, "2001:db8:77:0:")
			breaks(t, l, tt.fault)
			if diff := cmp.Diff(tt.want, h.sees6(t)); diff != "" {
				t.Errorf("broken (-want +got):\n%s", diff)
			}
			heals(t, l)
			if diff := cmp.Diff(whole, h.sees6(t)); diff != "" {
				t.Errorf("healed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARebootGivesIPv6Back(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults []lab.Fault
		want   []string // prefixes of the host's addresses
	}{
		{"as it was", nil, []string{"2001:db8:77:0:"}},
		{"as another prefix, and the old one is deprecated", []lab.Fault{"reboot-prefix"}, []string{"2001:db8:78:0:", "-2001:db8:77:0:"}},
		{"as another prefix, and nobody is told", []lab.Fault{"stale-prefix"}, []string{"2001:db8:78:0:", "2001:db8:77:0:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			l := startLab(t, ordinary(tt.faults...))
			h := newDual(t, l, l.Parent+"-dual")
			h.awaitAddress(t, "2001:db8:77:0:")
			if _, err := l.Reboot(); err != nil {
				t.Fatal(err)
			}
			for _, prefix := range tt.want {
				h.awaitAddress(t, prefix)
			}
			if got := h.addresses(t); len(got) != len(tt.want) {
				t.Errorf("addresses %s, want one of each of %s", got, tt.want)
			}
			// Which address a host that was not told speaks from is chance.
			stale := len(tt.faults) > 0 && tt.faults[0] == "stale-prefix"
			for _, target := range []string{strings.Replace(tt.want[0], ":0:", "::1", 1), "2001:4860:4860::8888"} {
				if !stale && !h.pings6(t, target) {
					t.Errorf("%s does not answer", target)
				}
			}
		})
	}
}

func TestAProgramServesIPv6AfterAReboot(t *testing.T) {
	for _, server := range []lab.Server{lab.Builtin, lab.Dnsmasq, lab.Kea, lab.Networkd} {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need6(t, server)
			opts := of6(lab.Both)
			opts.Server = server
			l := startLab(t, opts)
			h := newDual(t, l, l.Parent+"-dual")
			lease := func() {
				t.Helper()
				duid := dhcpv6.WithClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: h.mac()})
				s := h.speaker6(t)
				eventually(t, "there is an answer", func() bool {
					return s.says(t, dhcpv6.MessageTypeSolicit, duid, dhcpv6.WithIAID([4]byte{1}), dhcpv6.WithRapidCommit) != nil
				})
				s.Close()
			}
			lease()
			if _, err := l.Reboot(); err != nil {
				t.Fatal(err)
			}
			if n, err := l.Leases6(); n != 0 || err != nil {
				t.Errorf("%d leases, %v", n, err)
			}
			lease()
			if h.solicits(t, routerLinkLocal) == nil {
				t.Error("nothing is advertised")
			}
			h.awaitAddress(t, "2001:db8:77:0:")
			if got := h.sees6(t); got != (sees6{true, true, "2001:db8:80::80", healthy().Web}) {
				t.Errorf("the host sees %+v", got)
			}
		})
	}
}

func TestAPrefixThatChangesWithoutAWordLeavesHostsStranded(t *testing.T) {
	l := startLab(t, ordinary())
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:")
	breaks(t, l, "new-prefix")
	if h.pings6(t, "2001:db8:77::1") {
		t.Error("the router still has its old address")
	}
	h.awaitAddress(t, "2001:db8:78:0:") // the old one is as good to it as before
	if got := h.addresses(t); len(got) != 2 || strings.Contains(fmt.Sprint(got), "-") {
		t.Errorf("addresses %s", got)
	}
	if got := h.asks6(t, "2001:db8:78::1"); got != "2001:db8:80::80" {
		t.Errorf("the name server at the new address: %s", got)
	}
	heals(t, l)
	h.awaitAddress(t, "-2001:db8:78:0:")
	if !h.pings6(t, "2001:4860:4860::8888") {
		t.Error("healed, it has no Internet")
	}
}

func TestARogueRouterIsPreferred(t *testing.T) {
	l := startLab(t, ordinary("rogue-ra"))
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:")
	h.awaitAddress(t, "2001:db8:bad:0:")
	if h.pings6(t, "2001:4860:4860::8888") {
		t.Error("it forwards")
	}
	if !h.pings6(t, "2001:db8:77::1") {
		t.Error("the router is gone")
	}
	heals(t, l) // it is what the options say
	if !namespace.Exists(l.Parent + "-rogue6") {
		t.Error("the rogue router left")
	}
}

func TestAnotherHostHasEveryAddress(t *testing.T) {
	l := startLab(t, ordinary())
	breaks(t, l, "duplicate-ipv6")
	h := newDual(t, l, l.Parent+"-dual")
	// The kernel drops those that it makes itself, but keeps this one.
	mine := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP("2001:db8:77::5"), Mask: net.CIDRMask(64, 128)}}
	if err := h.nl.AddrAdd(h.link, mine); err != nil {
		t.Fatal(err)
	}
	h.awaitAddress(t, "!2001:db8:77::5/")
	if h.solicits(t, routerLinkLocal) == nil || len(h.addresses(t)) != 1 {
		t.Errorf("addresses %s", h.addresses(t))
	}
	heals(t, l)
	newDual(t, l, l.Parent+"-later").awaitAddress(t, "2001:db8:77:0:")
}

func TestARouterHasRoomForSoManyNeighbours(t *testing.T) {
	l := startLab(t, ordinary("few-neighbours 1"))
	first := newDual(t, l, l.Parent+"-first")
	first.awaitAddress(t, "2001:db8:77:0:")
	if !first.pings6(t, "2001:db8:77::1") {
		t.Error("the first has no router")
	}
	second := newDual(t, l, l.Parent+"-second")
	second.awaitAddress(t, "2001:db8:77:0:")
	if second.pings6(t, "2001:db8:77::1") || second.pings6(t, "2001:4860:4860::8888") {
		t.Error("the second is heard")
	}
	breaks(t, l, "few-neighbours 2")
	if !second.pings6(t, "2001:db8:77::1") || !first.pings6(t, "2001:4860:4860::8888") {
		t.Error("two are too many")
	}
}

func TestAdvertisementsToAllAreAsOftenAsAFaultSays(t *testing.T) {
	l := startLab(t, ordinary("fast-ra 20ms"))
	h := newDual(t, l, l.Parent+"-dual")
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("ip6:ipv6-icmp", "::") })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	for n := 0; n < 10; {
		if _, _, err := conn.ReadFrom(buf); err != nil {
			t.Fatalf("%d advertisements in %s", n, patience)
		}
		if buf[0] == byte(ipv6.ICMPTypeRouterAdvertisement) {
			n++
		}
	}
}

// need6 is need for a server that is to speak IPv6.
func need6(t *testing.T, server lab.Server) {
	t.Helper()
	need(t, server)
	if _, err := exec.LookPath("kea-dhcp6"); server == lab.Kea && err != nil {
		t.Skip("needs kea-dhcp6: install it (apt install kea-dhcp6-server)")
	}
}

func TestDHCPv6(t *testing.T) {
	const offered = "2001:db8:77::1000 for 30m0s and 1h0m0s, T1 15m0s, T2 24m0s"
	for _, server := range []lab.Server{lab.Builtin, lab.Dnsmasq, lab.Kea, lab.Dhcpd, lab.Udhcpd, lab.Networkd} {
		t.Run(string(server), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			need6(t, server)
			opts := of6(lab.Stateful)
			opts.Server = server
			l := startLab(t, opts)
			h := newDual(t, l, l.Parent+"-dual")
			s := h.speaker6(t)
			duid := dhcpv6.WithClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: h.mac()})
			ia := dhcpv6.WithIAID([4]byte{1, 2, 3, 4})
			adv := s.says(t, dhcpv6.MessageTypeSolicit, duid, ia)
			if adv == nil || adv.MessageType != dhcpv6.MessageTypeAdvertise || len(adv.Options.IANA()) != 1 {
				t.Fatalf("to a Solicit: %v", adv)
			}
			us := dhcpv6.WithServerID(adv.Options.ServerID())
			given := adv.Options.OneIANA()
			if got := shown6(given); server != lab.Dnsmasq && server != lab.Kea && got != offered {
				t.Errorf("offered %s", got)
			}
			if got := fmt.Sprint(adv.Options.DNS(), adv.Options.DomainSearchList()); got != "[2001:db8:77::1] [lan.example.test]" {
				t.Errorf("told %s", got)
			}
			for _, kind := range []dhcpv6.MessageType{dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew} {
				reply := s.says(t, kind, duid, us, dhcpv6.WithOption(given))
				if reply == nil || leased6(reply.Options.OneIANA()) != leased6(given) {
					t.Errorf("to a %s: %v", kind, reply)
				}
				awaitLeases6(t, l, 1) // dnsmasq answers first, and then writes it down
			}
			if server == lab.Builtin || server == lab.Kea {
				if n, err := l.Leases(); n != 0 || err != nil {
					t.Errorf("%d leases of IPv4, %v", n, err)
				}
			}
			if reply := s.says(t, dhcpv6.MessageTypeRelease, duid, us, dhcpv6.WithOption(given)); reply == nil || reply.Options.Status() == nil || reply.Options.Status().StatusCode != iana.StatusSuccess {
				t.Errorf("to a Release: %v", reply)
			}
			if server != lab.Networkd {
				if n, err := l.LeasesLeft(t.Context()); n != 0 || err != nil {
					t.Errorf("%d leases left, %v", n, err)
				}
			}
			if reply := s.says(t, dhcpv6.MessageTypeInformationRequest, duid); reply == nil || len(reply.Options.DNS()) != 1 {
				t.Errorf("to an Information-request: %v", reply)
			}
		})
	}
}

func awaitLeases6(t *testing.T, l *lab.Lab, want int) {
	t.Helper()
	n, err := l.Leases6()
	for end := time.Now().Add(time.Minute); n != want && err == nil && time.Now().Before(end); n, err = l.Leases6() {
		time.Sleep(5 * time.Millisecond)
	}
	if n != want || err != nil {
		t.Errorf("%d leases, %v", n, err)
	}
}

// speaker6 is a DHCPv6 client's socket.
type speaker6 struct {
	net.PacketConn
	to *net.UDPAddr
}

// awaitLinkLocal waits until the host can speak on its link.
func (h *host) awaitLinkLocal(t *testing.T) {
	t.Helper()
	eventually(t, "the host has an address of the link", func() bool {
		addrs, err := h.nl.AddrList(h.link, netlink.FAMILY_V6)
		return err == nil && slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.Scope == unix.RT_SCOPE_LINK && a.Flags&unix.IFA_F_TENTATIVE == 0 })
	})
}

func (h *host) speaker6(t *testing.T) speaker6 {
	t.Helper()
	h.awaitLinkLocal(t)
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("udp6", "[::]:546") })
	return speaker6{conn, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: strconv.Itoa(h.link.Attrs().Index)}}
}

// says sends a message and returns the answer, nil if there is none.
func (s speaker6) says(t *testing.T, kind dhcpv6.MessageType, with ...dhcpv6.Modifier) *dhcpv6.Message {
	t.Helper()
	req, err := dhcpv6.NewMessage(with...)
	if err != nil {
		t.Fatal(err)
	}
	req.MessageType = kind
	dhcpv6.WithRequestedOptions(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList)(req)
	if _, err := s.WriteTo(req.ToBytes(), s.to); err != nil {
		t.Fatal(err)
	}
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for {
		n, _, err := s.ReadFrom(buf)
		if err != nil {
			return nil
		}
		if m, err := dhcpv6.MessageFromBytes(buf[:n]); err == nil && m.TransactionID == req.TransactionID {
			return m
		}
	}
}

// leased6 is the address in a lease: dnsmasq's times are a matter of chance.
func leased6(ia *dhcpv6.OptIANA) string {
	address, _, _ := strings.Cut(shown6(ia), " ")
	return address
}

func shown6(ia *dhcpv6.OptIANA) string {
	if ia == nil {
		return "nothing"
	}
	a := ia.Options.OneAddress()
	if a == nil {
		return fmt.Sprint(ia.Options.Status())
	}
	return fmt.Sprintf("%s for %s and %s, T1 %s, T2 %s", a.IPv6Addr, a.PreferredLifetime, a.ValidLifetime, ia.T1, ia.T2)
}

func TestHostsOfAProgramComeByIPv6(t *testing.T) {
	for _, way := range lab.IPv6s {
		t.Run(string(way), func(t *testing.T) {
			for _, server := range lab.Servers {
				t.Run(string(server), func(t *testing.T) {
					t.Parallel()
					need6(t, server)
					opts := of6(way)
					opts.Server = server
					l := startLab(t, opts)
					h := newDual(t, l, l.Parent+"-dual")
					ra := h.solicits(t, routerLinkLocal)
					if way == lab.NoIPv6 {
						if ra != nil {
							t.Errorf("advertised: %s", told6(ra))
						}
						return
					}
					if ra == nil {
						t.Fatal("nothing is advertised")
					}
					managed, other := way == lab.Stateful || way == lab.Both, way != lab.SLAAC
					if ra.ManagedConfiguration != managed || ra.OtherConfiguration != other {
						t.Errorf("advertised: %s", told6(ra))
					}
					if way != lab.Stateful {
						h.awaitAddress(t, "2001:db8:77:0:")
						if got := h.sees6(t); got != (sees6{true, true, "2001:db8:80::80", healthy().Web}) {
							t.Errorf("the host sees %+v", got)
						}
					}
				})
			}
		})
	}
}

func TestAThousandSolicitationsAreAnswered(t *testing.T) {
	l := startLab(t, ordinary())
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:") // then it solicits from an address of the link
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("ip6:ipv6-icmp", "::") })
	p := ipv6.NewPacketConn(conn)
	if err := errors.Join(p.SetMulticastHopLimit(ndp.HopLimit), p.SetMulticastInterface(&net.Interface{Index: h.link.Attrs().Index}),
		p.SetControlMessage(ipv6.FlagDst, true), conn.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	const storm, atOnce = 1000, 100 // more do not find room in what the host hears with
	room := make(chan struct{}, atOnce)
	go func() {
		rs, _ := ndp.MarshalMessage(&ndp.RouterSolicitation{})
		for range storm {
			room <- struct{}{}
			_, _ = conn.WriteTo(rs, &net.IPAddr{IP: net.ParseIP("ff02::2"), Zone: strconv.Itoa(h.link.Attrs().Index)})
		}
	}()
	buf := make([]byte, 1500)
	for n := 0; n < storm; {
		_, told, _, err := p.ReadFrom(buf)
		if err != nil {
			t.Fatalf("%d answers to %d solicitations", n, storm)
		}
		if buf[0] == byte(ipv6.ICMPTypeRouterAdvertisement) && !told.Dst.IsMulticast() {
			n++
			<-room
		}
	}
}

func TestPingsAreHeldBackOverIPv6(t *testing.T) {
	l := startLab(t, ordinary("delay 40ms"))
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:")
	took := func(target string) time.Duration {
		begin := time.Now()
		if !h.pings6(t, target) {
			t.Errorf("%s does not answer", target)
		}
		return time.Since(begin)
	}
	if d := took("2001:4860:4860::8888"); d < 80*time.Millisecond {
		t.Errorf("with a delay of 40ms each way the Internet answered after %s", d)
	}
	breaks(t, l, "delay-pings 70ms")
	if d := took("2001:db8:77::1"); d < 70*time.Millisecond {
		t.Errorf("with a delay of 70ms the router answered after %s", d)
	}
}

func TestTheFirstClientStarvesTheOthersOverIPv6(t *testing.T) {
	l := startLab(t, ordinary("first-client-only"))
	var got [2]atomic.Int64
	for i := range got {
		h := newDual(t, l, fmt.Sprint(l.Parent, "-dual", i))
		h.awaitAddress(t, "2001:db8:77:0:")
		resp, err := h.gets6(t, "/100GB.zip")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		go func() {
			buf := make([]byte, 1<<16)
			for n, err := resp.Body.Read(buf); err == nil; n, err = resp.Body.Read(buf) {
				got[i].Add(int64(n))
			}
		}()
		eventually(t, "it is served", func() bool { return got[i].Load() > 0 })
	}
	begin := got[0].Load()
	eventually(t, "the first one has much more", func() bool { return got[0].Load()-begin > 50_000_000 })
	if first, second := got[0].Load()-begin, got[1].Load(); first < 50*second {
		t.Errorf("the first had %d bytes meanwhile, the second %d", first, second)
	}
}
