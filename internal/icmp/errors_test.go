package icmp

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
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
			from, what, ok := parseError(tt.packet, googleDNS)
			if !ok || from != router {
				t.Errorf("from %s, %t, want it from %s", from, ok, router)
			}
			if diff := cmp.Diff(tt.want, what); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseICMPErrorPassesOverWhatIsNoComplaint(t *testing.T) {
	sound := unreachablePacket(t, 1, 0, pinged(t, googleDNS, 0))
	if _, _, ok := parseError(sound, googleDNS); !ok {
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
			if from, what, ok := parseError(tt.packet, googleDNS); ok {
				t.Errorf("%s, says %s", what, from)
			}
		})
	}
	if _, _, ok := parseError(sound, netip.MustParseAddr("2001:db8::1")); ok {
		t.Error("taken for a complaint about an IPv6 address")
	}
}

func FuzzParseError(f *testing.F) {
	f.Add(unreachablePacket(f, 1, 0, pinged(f, googleDNS, 0)))
	f.Add(unreachablePacket(f, 13, 8, pinged(f, googleDNS, 8)))
	f.Add(unreachablePacket(f, 0, 0, nil))
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, packet []byte) {
		from, what, ok := parseError(packet, googleDNS)
		if ok && (!from.Is4() || what == "") {
			t.Errorf("%q from %s", what, from)
		}
	})
}
