package dhcp4

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/remark"
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
		checkResolvConf(t, ResolvConf(l.Search, l.DNS))
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

// FuzzReceive has a client in each state hear whatever may come. It must go on:
// with a tick to come, a place among those that ask if it does, and no more in
// its memory than there is room for.
func FuzzReceive(f *testing.F) {
	states := []State{Selecting, Requesting, Checking, Bound, Renewing, Rebinding, Rebooting, Verifying}
	asked, err := dhcpv4.NewDiscovery(testMAC)
	if err != nil {
		f.Fatal(err)
	}
	for i := range states {
		for _, wire := range [][]byte{
			reply(asked),
			reply(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck)),
			reply(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithLeaseTime(0)),
			reply(asked, dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithLeaseTime(0xffffffff), dhcpv4.WithYourIP(net.IP{10, 77, 0, 11})),
			nak(asked, "no"),
			overloaded(reply(asked), []byte{53, 1, 5, 255}, []byte{1, 200, 0}),
			asked.ToBytes(),
			{2},
		} {
			f.Add(byte(i), wire)
		}
	}
	f.Fuzz(func(t *testing.T, state byte, wire []byte) {
		s := inState(t, states[int(state)%len(states)])
		c := s.client
		wire = slices.Clone(wire)
		for range 3 {
			s.group.mu.Lock()
			if c.msg != nil && len(wire) >= xidAt+4 {
				copy(wire[xidAt:], c.msg.TransactionID[:])
			}
			s.group.mu.Unlock()
			s.group.Receive([6]byte(testMAC), wire, serverMAC)
		}
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		if len(c.remarks) > remark.Most || len(c.servers) > 16 || len(c.heard) > 16 || len(c.declined) > 64 {
			t.Errorf("%d remarks, %d servers, %d of whom answered, %d rivals", len(c.remarks), len(c.servers), len(c.heard), len(c.declined))
		}
		if endless := c.state == Bound && c.lease.End().IsZero(); c.place < 0 && !endless {
			t.Errorf("%s, and nothing will ever happen", c.state)
		}
		if want := map[bool]int{true: 1}[c.state.asking()]; s.group.asking != want {
			t.Errorf("%s, and %d ask", c.state, s.group.asking)
		}
		if c.state.holds() {
			checkAddress(t, c.lease)
		}
		for addr, owner := range s.group.owners {
			if owner != c || addr != c.lease.Address.Addr() {
				t.Errorf("%s is somebody's, and the client has %s", addr, c.lease.Address)
			}
		}
	})
}

// inState is a client that has come so far, with no server to answer it.
func inState(t *testing.T, want State) *script {
	s := newScript(t, Options{InFlight: 1, Unchecked: want != Checking}, nil)
	c := s.client
	last := func() *dhcpv4.DHCPv4 { return s.sent[len(s.sent)-1] }
	if want == Rebooting {
		s.group.Reboot(map[*Client]Lease{c: {Address: netip.MustParsePrefix("10.77.0.10/16")}})
		return s
	}
	s.group.Start(time.Hour, c)
	for range 2 {
		if s.group.mu.Lock(); c.state != want && c.msg != nil {
			c.hear(&answer{mustParse(t, reply(last())), serverMAC})
		}
		s.group.mu.Unlock()
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if want == Renewing || want == Rebinding {
		c.handle(onTick, input{})
	}
	if want == Rebinding {
		c.extendBy(Rebinding)
	}
	if want == Verifying {
		c.reconnected()
	}
	if c.state != want {
		t.Fatalf("%s, want %s", c.state, want)
	}
	return s
}

func mustParse(t *testing.T, wire []byte) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
