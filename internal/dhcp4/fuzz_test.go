package dhcp4

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func FuzzParseLease(f *testing.F) {
	for _, say := range []dhcpv4.Modifier{
		func(*dhcpv4.DHCPv4) {},
		dhcpv4.WithNetmask(net.CIDRMask(32, 32)),
		dhcpv4.WithYourIP(net.IPv4bcast),
		dhcpv4.WithOption(dhcpv4.OptDomainName("lan\nnameserver 192.0.2.66")),
		searchDomains("a.example.test", "b\x00c", "$(reboot)"),
		classless(routeTo("192.0.2.1/32", net.IPv4zero), routeTo("0.0.0.0/0", net.IP{192, 0, 2, 1})),
		dhcpv4.WithGeneric(dhcpv4.OptionDNSDomainSearchList, []byte{1, 'a', 0xc0, 0, 0xc0, 0}),
		dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0x78}),
	} {
		msg, err := dhcpv4.New(soundACK(say)...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(msg.ToBytes())
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		msg, err := parse(wire)
		if err != nil {
			return
		}
		l, _, err := parseLease(msg)
		if err != nil {
			return
		}
		checkAddress(t, l)
		checkResolvConf(t, l.ResolvConf(l.DNS))
	})
}

// checkAddress wants a host's address in its subnet, by arithmetic of its own.
func checkAddress(t *testing.T, l Lease) {
	t.Helper()
	a, bits := l.Address.Addr().As4(), l.Address.Bits()
	var host, all uint32
	for i := range 32 - bits {
		all |= 1 << i
	}
	host = (uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])) & all
	if bits < 1 || a == [4]byte{} || a[0] == 127 || a[0]>>4 == 0xe || a == [4]byte{255, 255, 255, 255} ||
		bits < 31 && (host == 0 || host == all) {
		t.Errorf("%s is no host's address", l.Address)
	}
}

func checkResolvConf(t *testing.T, text string) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("the last line, %q, has no end", last)
	}
	for _, line := range lines[:len(lines)-1] {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("control characters in %q", line)
		}
		server, isServer := strings.CutPrefix(line, "nameserver ")
		switch {
		case isServer:
			if _, err := netip.ParseAddr(server); err != nil {
				t.Error(err)
			}
		case !strings.HasPrefix(line, "search "):
			t.Errorf("what is this: %q", line)
		}
	}
}
