package dhcp6

import (
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/lanstorm/lanstorm/internal/dhcp4"
	"github.com/lanstorm/lanstorm/internal/remark"
)

var states = []State{Soliciting, Requesting, Informing, Informed, Bound, Renewing, Rebinding, Confirming, Declining, Releasing}

// nested is an IA in an address in an IA, and so on.
func nested(depth int) dhcpv6.Option {
	if depth == 0 {
		return status(iana.StatusSuccess)
	}
	return &dhcpv6.OptIANA{Options: dhcpv6.IdentityOptions{Options: dhcpv6.Options{nested(depth - 1)}}}
}

// relayed is a message in relay messages.
func relayed(m dhcpv6.DHCPv6, depth int) dhcpv6.DHCPv6 {
	for range depth {
		outer := &dhcpv6.RelayMessage{MessageType: dhcpv6.MessageTypeRelayReply}
		outer.AddOption(dhcpv6.OptRelayMessage(m))
		m = outer
	}
	return m
}

// FuzzReceive has a client in each state hear whatever may come. It must go on: with a
// tick to come, and no more in its memory than there is room for.
func FuzzReceive(f *testing.F) {
	asked := Identity{MAC: testMAC}.solicit()
	asked, err := dhcpv6.MessageFromBytes(asked.ToBytes())
	if err != nil {
		f.Fatal(err)
	}
	for i := range states {
		for _, wire := range [][]byte{
			reply(asked), reply(asked, rapid), reply(asked, preferred),
			reply(asked, rapid, address(leased, forever, forever)),
			reply(asked, rapid, ia(0, 0, iaAddress(leased, 0, 0))),
			reply(asked, rapid, with(status(iana.StatusNotOnLink))),
			reply(asked, rapid, ia(0, 0, status(iana.StatusNoBinding))),
			reply(asked, rapid, raw(dhcpv6.OptionIANA)),
			reply(asked, rapid, raw(dhcpv6.OptionPreference)),
			reply(asked, rapid, raw(dhcpv6.OptionDomainSearchList, 1, 'a', 0xc0, 0, 0xc0, 0)),
			reply(asked, rapid, with(nested(80))), reply(asked, rapid, with(nested(1000))),
			reply(asked, rapid, with(dhcpv6.OptRelayMessage(relayed(asked, 30)))),
			relayed(asked, 100).ToBytes(),
			append(reply(asked, rapid), make([]byte, 1200)...), // 300 options of length 0
			append(reply(asked, rapid), 0, 3, 0xff, 0xff, 0),
			asked.ToBytes(), {7},
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
			if c.msg != nil && len(wire) >= 4 {
				copy(wire[1:], c.msg.TransactionID[:])
			}
			s.group.mu.Unlock()
			s.group.Receive([6]byte(testMAC), wire, router)
		}
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		if len(c.remarks) > remark.Most || len(c.owed) > 16 {
			t.Errorf("%d remarks, %d leases", len(c.remarks), len(c.owed))
		}
		if c.at.IsZero() && c.state != Informed && c.state != Stopped {
			t.Errorf("%s, and nothing will ever happen", c.state)
		}
		if c.using && (judgeAddress(c.lease.Address) != nil || c.lease.Preferred > c.lease.Valid || c.lease.Renew > c.lease.Rebind) {
			t.Errorf("it uses %+v", c.lease)
		}
		for _, name := range c.lease.Config.Search {
			if dhcp4.DomainName(name) != name {
				t.Errorf("%q", name)
			}
		}
		_ = c.whyNot()
	})
}

// inState is a client that has come so far, with no server to answer it.
func inState(t *testing.T, want State) *script {
	s := newScript(t, silent)
	g, c := s.group, s.client
	tick := func() { // as if its time had come
		g.mu.Lock()
		defer g.mu.Unlock()
		c.handle(onTick, nil)
	}
	answer := func(mods ...mod) { g.Receive([6]byte(testMAC), reply(s.sent[len(s.sent)-1], mods...), router) }
	g.Start(want != Informing && want != Informed, c)
	tick()
	switch want {
	case Soliciting, Informing:
	case Informed:
		answer()
	case Requesting:
		answer(preferred)
	default:
		answer(rapid)
	}
	switch want {
	case Renewing, Rebinding:
		tick()
		if want == Rebinding {
			g.mu.Lock()
			c.handle(onSpent, nil)
			g.mu.Unlock()
		}
	case Confirming:
		g.LinkIsUp()
		tick()
	case Declining:
		g.Conflict(c)
	case Releasing:
		go g.Release(t.Context(), c)
		for c.Status().State != Releasing {
			time.Sleep(time.Microsecond)
		}
	}
	if got := c.Status().State; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	return s
}
