package icmp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

var (
	googleDNS = netip.MustParseAddr("8.8.8.8")
	router    = netip.MustParseAddr("10.77.0.1")
)

// ipPacket wraps payload in an IPv4 header with options of so many bytes.
func ipPacket(tb testing.TB, from, to netip.Addr, options int, payload []byte) []byte {
	tb.Helper()
	h := ipv4.Header{
		Version: ipv4.Version, Len: ipv4.HeaderLen + options, TotalLen: ipv4.HeaderLen + options + len(payload),
		TTL: 64, Protocol: unix.IPPROTO_ICMP, Src: from.AsSlice(), Dst: to.AsSlice(), Options: make([]byte, options),
	}
	b, err := h.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return append(b, payload...)
}

func icmpMessage(tb testing.TB, t icmp.Type, code int, body icmp.MessageBody) []byte {
	tb.Helper()
	b, err := (&icmp.Message{Type: t, Code: code, Body: body}).Marshal(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// pinged is what an error about a ping to target carries of it.
func pinged(tb testing.TB, target netip.Addr, options int) []byte {
	echo := icmpMessage(tb, ipv4.ICMPTypeEcho, 0, &icmp.Echo{ID: 1, Seq: 1, Data: []byte("lanstorm")})
	return ipPacket(tb, netip.MustParseAddr("10.77.0.10"), target, options, echo)
}

var us6, target6 = netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("2001:db8:1::1")

// pinged6 is the same of IPv6.
func pinged6(target netip.Addr) []byte {
	header := slices.Concat([]byte{0x60, 0, 0, 0, 0, 16, unix.IPPROTO_ICMPV6, 64}, us6.AsSlice(), target.AsSlice())
	return append(header, 128, 0, 0, 0, 0, 1, 0, 1, 'l', 'a', 'n', 's', 't', 'o', 'r', 'm')
}

// unreachablePacket is the router's word that about did not arrive.
func unreachablePacket(tb testing.TB, code, options int, about []byte) []byte {
	return ipPacket(tb, router, netip.MustParseAddr("10.77.0.10"), options,
		icmpMessage(tb, ipv4.ICMPTypeDestinationUnreachable, code, &icmp.DstUnreach{Data: about}))
}

func TestParseICMPErrorWordsComplaintsAboutTheTarget(t *testing.T) {
	for _, tt := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"no route", unreachablePacket(t, 0, 0, pinged(t, googleDNS, 0)), "network unreachable"},
		{"nobody there", unreachablePacket(t, 1, 0, pinged(t, googleDNS, 0)), "host unreachable"},
		{"no ICMP there", unreachablePacket(t, 2, 0, pinged(t, googleDNS, 0)), "protocol or port unreachable"},
		{"no such port", unreachablePacket(t, 3, 0, pinged(t, googleDNS, 0)), "protocol or port unreachable"},
		{"a firewall", unreachablePacket(t, 13, 0, pinged(t, googleDNS, 0)), "prohibited by a firewall"},
		{"another code", unreachablePacket(t, 5, 0, pinged(t, googleDNS, 0)), "unreachable (code 5)"},
		{"IP options outside", unreachablePacket(t, 1, 8, pinged(t, googleDNS, 0)), "host unreachable"},
		{"IP options inside", unreachablePacket(t, 1, 0, pinged(t, googleDNS, 8)), "host unreachable"},
		{
			"a routing loop",
			ipPacket(t, router, netip.MustParseAddr("10.77.0.10"), 0,
				icmpMessage(t, ipv4.ICMPTypeTimeExceeded, 0, &icmp.TimeExceeded{Data: pinged(t, googleDNS, 0)})),
			"too many hops",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			what := Client{Target: googleDNS}.complaintOf(tt.packet, router)
			if diff := cmp.Diff(tt.want+", says 10.77.0.1", what); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The kernel leaves out the IPv6 header of what comes. A zone is that of the socket.
func TestParseICMPv6ErrorWordsComplaintsAboutTheTarget(t *testing.T) {
	gateway := netip.MustParseAddr("fe80::1%2")
	data := pinged6(target6)
	unreachable := func(code int) []byte {
		return icmpMessage(t, ipv6.ICMPTypeDestinationUnreachable, code, &icmp.DstUnreach{Data: data})
	}
	for _, tt := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"no route", unreachable(0), "no route"},
		{"a firewall", unreachable(1), "prohibited by a firewall"},
		{"a link-local source that is to be routed", unreachable(2), "beyond the scope of the source address"},
		{"nobody there", unreachable(3), "host unreachable"},
		{"no such port", unreachable(4), "port unreachable"},
		{"a source address of another provider", unreachable(5), "the source address failed a policy"},
		{"a reject route", unreachable(6), "rejected by a route"},
		{"another code", unreachable(9), "unreachable (code 9)"},
		{"a tunnel", icmpMessage(t, ipv6.ICMPTypePacketTooBig, 0, &icmp.PacketTooBig{MTU: 1280, Data: data}), "packet too big (MTU 1280)"},
		{"a routing loop", icmpMessage(t, ipv6.ICMPTypeTimeExceeded, 0, &icmp.TimeExceeded{Data: data}), "too many hops"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			what := Client{Target: target6}.complaintOf(tt.packet, gateway)
			if diff := cmp.Diff(tt.want+", says fe80::1", what); diff != "" {
				t.Error(diff)
			}
		})
	}
	host := netip.MustParseAddr("fe80::7%2")
	local := icmpMessage(t, ipv6.ICMPTypeDestinationUnreachable, 3, &icmp.DstUnreach{Data: pinged6(host)})
	for _, tt := range []struct {
		name         string
		packet       []byte
		from, target netip.Addr
		want         string
	}{
		{"about a link-local host", local, gateway, host, "host unreachable, says fe80::1"},
		{"about another target", local, gateway, target6, ""},
		{"about one of IPv4", unreachablePacket(t, 1, 0, pinged(t, googleDNS, 0)), gateway, target6, ""},
		{"of the client's own kernel", unreachable(3), us6, target6, ""},
		{"cut off in the inner header", unreachable(3)[:40], gateway, target6, ""},
		{"an echo reply", icmpMessage(t, ipv6.ICMPTypeEchoReply, 0, &icmp.Echo{Data: data}), gateway, target6, ""},
		{"nothing", nil, gateway, target6, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Client{Target: tt.target}.complaintOf(tt.packet, tt.from)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseICMPErrorPassesOverWhatIsNoComplaint(t *testing.T) {
	sound := unreachablePacket(t, 1, 0, pinged(t, googleDNS, 0))
	client := Client{Target: googleDNS}
	if client.complaintOf(sound, router) == "" {
		t.Fatal("the packet that the others are made of is not taken itself")
	}
	echo := icmpMessage(t, ipv4.ICMPTypeEchoReply, 0, &icmp.Echo{ID: 1, Seq: 1, Data: pinged(t, googleDNS, 0)})
	for _, tt := range []struct {
		name   string
		packet []byte
	}{
		{"nothing", nil},
		{"garbage", []byte("no IPv4 packet at all, but long enough to be one")},
		{"an IP header and no more", sound[:ipv4.HeaderLen]},
		{"a packet that ends in the inner header", sound[:ipv4.HeaderLen+8+10]},
		{"a packet about another target", unreachablePacket(t, 1, 0, pinged(t, netip.MustParseAddr("1.1.1.1"), 0))},
		{"an echo reply", ipPacket(t, googleDNS, netip.MustParseAddr("10.77.0.10"), 0, echo)},
		{"a header longer than its packet", append([]byte{0x4f}, sound[1:ipv4.HeaderLen]...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if what := client.complaintOf(tt.packet, router); what != "" {
				t.Error(what)
			}
		})
	}
	if what := client.complaintOf(sound, us); what != "" {
		t.Errorf("the client's own kernel is taken for the network: %s", what)
	}
	if what := (Client{Target: target6}).complaintOf(sound, router); what != "" {
		t.Errorf("taken for a complaint about an IPv6 address: %s", what)
	}
}

func FuzzParseError(f *testing.F) {
	f.Add(unreachablePacket(f, 1, 0, pinged(f, googleDNS, 0)))
	f.Add(unreachablePacket(f, 13, 8, pinged(f, googleDNS, 8)))
	f.Add(unreachablePacket(f, 0, 0, nil))
	f.Add([]byte{0x4f})
	f.Add(icmpMessage(f, ipv6.ICMPTypeDestinationUnreachable, 1, &icmp.DstUnreach{Data: pinged6(target6)}))
	f.Add(icmpMessage(f, ipv6.ICMPTypePacketTooBig, 0, &icmp.PacketTooBig{Data: pinged6(target6)}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		for target, from := range map[netip.Addr]netip.Addr{googleDNS: router, target6: us6} {
			what := Client{Target: target}.complaintOf(packet, from)
			if what != "" && !strings.HasSuffix(what, ", says "+from.String()) {
				t.Errorf("%q about %s", what, target)
			}
		}
	})
}
