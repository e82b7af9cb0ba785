package dhcp6

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

var (
	testMAC    = net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x07}
	router     = netip.MustParseAddr("fe80::1")
	routerDUID = dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
	leased     = netip.MustParseAddr("2001:db8::7")
)

// server is what the other side says: to a message, of whose type so many came before.
type server func(asked *dhcpv6.Message, before int) [][]byte

// script is a LAN with a server on it that answers by a script. Its time is synctest's.
type script struct {
	group  *Group
	client *Client
	server server
	refuse func() error // instead of sending
	broken error        // of writing down a lease

	sent     []*dhcpv6.Message
	at       []time.Time
	seen     map[dhcpv6.MessageType]int
	granted  []string
	bound    []Lease
	lost     []string
	informed []Config
	heard    chan struct{} // closed when all answers so far are
}

func (s *script) Send(b []byte) error {
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		return err // the server's DUID, which the fuzzer has made
	}
	s.sent, s.at = append(s.sent, m), append(s.at, time.Now())
	answers := s.server(m, s.seen[m.MessageType])
	s.seen[m.MessageType]++
	earlier, done := s.heard, make(chan struct{})
	s.heard = done
	go func() {
		defer close(done)
		if earlier != nil {
			<-earlier
		}
		for _, a := range answers {
			s.group.Receive([6]byte(s.client.id.MAC), a, router)
		}
	}()
	return nil
}

func (s *script) Granted(l Lease) error {
	s.granted = append(s.granted, l.Address.String())
	return s.broken
}
func (s *script) Bound(l Lease)     { s.bound = append(s.bound, l) }
func (s *script) Lost(err error)    { s.lost = append(s.lost, err.Error()) }
func (s *script) Informed(c Config) { s.informed = append(s.informed, c) }

// types are the message types sent, in order.
func (s *script) types() (types []string) {
	for _, m := range s.sent {
		types = append(types, m.MessageType.String())
	}
	return types
}

// waits are the times between the messages.
func (s *script) waits() (waits []time.Duration) {
	for i := range s.at[1:] {
		waits = append(waits, s.at[i+1].Sub(s.at[i]))
	}
	return waits
}

func (s *script) remarks() (whats []string) {
	for _, r := range s.client.Status().Remarks {
		whats = append(whats, r.What)
	}
	return whats
}

func (s *script) missing() string {
	if err := s.client.Status().Missing; err != nil {
		return err.Error()
	}
	return ""
}

// forget what was seen until now, and answer so from now on.
func (s *script) forget(next server) {
	s.server, s.sent, s.at, s.seen, s.lost = next, nil, nil, map[dhcpv6.MessageType]int{}, nil
}

func newScript(t *testing.T, answer server) *script {
	g := NewGroup()
	t.Cleanup(g.Close)
	return join(g, testMAC, answer)
}

func join(g *Group, mac net.HardwareAddr, answer server) *script {
	s := &script{group: g, server: answer, seen: map[dhcpv6.MessageType]int{}}
	s.client = g.Add(Identity{MAC: mac}, s)
	return s
}

// pass lets time pass. What the test has read is read before, and what it reads next is
// read after, whatever the clients do meanwhile.
func pass(g *Group, d time.Duration) {
	lock := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
	}
	lock()
	time.Sleep(d)
	synctest.Wait()
	lock()
}

// living is a client that has had its lease (T1 30 min, T2 48 min, valid 2 h) for a
// minute. From then on its server answers so.
func living(t *testing.T, next server) *script {
	s := newScript(t, sound)
	s.group.Start(true, s.client)
	pass(s.group, time.Minute)
	if len(s.bound) != 1 {
		t.Fatalf("%d leases, %s", len(s.bound), s.missing())
	}
	s.forget(next)
	return s
}

type mod = func(*dhcpv6.Message)

// reply is a sound answer to asked, changed by mods.
func reply(asked *dhcpv6.Message, mods ...mod) []byte {
	m := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: asked.TransactionID}
	if asked.MessageType == dhcpv6.MessageTypeSolicit {
		m.MessageType = dhcpv6.MessageTypeAdvertise
	}
	m.AddOption(dhcpv6.OptClientID(asked.Options.ClientID()))
	m.AddOption(dhcpv6.OptServerID(&routerDUID))
	m.AddOption(dhcpv6.OptDNS(net.ParseIP("2001:db8::53"), net.IPv6zero))
	dhcpv6.WithDomainSearchList("lan", "a\nb")(m)
	switch asked.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		address(leased, time.Hour, 2*time.Hour)(m)
	}
	for _, do := range mods {
		do(m)
	}
	return m.ToBytes()
}

// ia has the answer hold this IA of the client.
func ia(t1, t2 time.Duration, options ...dhcpv6.Option) mod {
	return func(m *dhcpv6.Message) {
		m.UpdateOption(&dhcpv6.OptIANA{IaId: Identity{MAC: clientMAC(m)}.iaid(), T1: t1, T2: t2, Options: dhcpv6.IdentityOptions{Options: options}})
	}
}

func clientMAC(m *dhcpv6.Message) net.HardwareAddr {
	return m.Options.ClientID().(*dhcpv6.DUIDLL).LinkLayerAddr
}

func iaAddress(a netip.Addr, preferred, valid time.Duration) dhcpv6.Option {
	return &dhcpv6.OptIAAddress{IPv6Addr: a.AsSlice(), PreferredLifetime: preferred, ValidLifetime: valid}
}

func address(a netip.Addr, preferred, valid time.Duration) mod {
	return ia(0, 0, iaAddress(a, preferred, valid))
}

func status(code iana.StatusCode) dhcpv6.Option { return &dhcpv6.OptStatusCode{StatusCode: code} }

func with(o dhcpv6.Option) mod           { return func(m *dhcpv6.Message) { m.UpdateOption(o) } }
func without(code dhcpv6.OptionCode) mod { return func(m *dhcpv6.Message) { m.Options.Del(code) } }
func rapid(m *dhcpv6.Message)            { m.MessageType = dhcpv6.MessageTypeReply; dhcpv6.WithRapidCommit(m) }
func preferred(m *dhcpv6.Message)        { m.AddOption(dhcpv6.OptPreference(255)) }
func seconds(s uint32) []byte            { return binary.BigEndian.AppendUint32(nil, s) }
func raw(c dhcpv6.OptionCode, b ...byte) mod {
	return with(&dhcpv6.OptionGeneric{OptionCode: c, OptionData: b})
}

// from is the mark of another server.
func from(n byte) mod {
	return with(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, n}}))
}

// sound answers everything as it should, and silent nothing.
func sound(asked *dhcpv6.Message, _ int) [][]byte { return [][]byte{reply(asked)} }
func silent(*dhcpv6.Message, int) [][]byte        { return nil }

// says has the server answer messages of one type otherwise, and all others as it should.
func says(kind dhcpv6.MessageType, mods ...mod) server {
	return func(asked *dhcpv6.Message, before int) [][]byte {
		if asked.MessageType == kind {
			return [][]byte{reply(asked, mods...)}
		}
		return sound(asked, before)
	}
}

// losing has the first messages of one type be lost.
func losing(kind dhcpv6.MessageType, n int) server {
	return func(asked *dhcpv6.Message, before int) [][]byte {
		if asked.MessageType == kind && before < n {
			return nil
		}
		return sound(asked, before)
	}
}

const (
	solicit   = "SOLICIT"
	request   = "REQUEST"
	renew     = "RENEW"
	rebind    = "REBIND"
	confirm   = "CONFIRM"
	declineIt = "DECLINE"
	release   = "RELEASE"
	inform    = "INFORMATION-REQUEST"
)
