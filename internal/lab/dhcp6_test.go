package lab

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/fault"
)

func newServer6(gives bool, faults ...fault.Fault) *dhcp6Server {
	s := newDHCP6Server()
	if !gives {
		s.way = func(fault.Conditions) IPv6 { return Stateless }
	}
	c := fault.Conditions{LeaseTime: time.Hour}
	for _, f := range faults {
		if err := f.Apply(&c); err != nil {
			panic(err)
		}
	}
	_ = s.obey(c)
	s.lease(prefix6(0))
	return s
}

// told6 shows a reply: its type, its status, and what is in each IA_NA.
func told6(m *dhcpv6.Message) string {
	if m == nil {
		return "nothing"
	}
	text := m.MessageType.String()
	if s := m.Options.Status(); s != nil {
		text += " " + s.StatusCode.String()
	}
	for _, ia := range m.Options.IANA() {
		if s := ia.Options.Status(); s != nil {
			text += " " + s.StatusCode.String()
		}
		for _, a := range ia.Options.Addresses() {
			text += fmt.Sprintf(" %s %s/%s", a.IPv6Addr, a.PreferredLifetime, a.ValidLifetime)
		}
	}
	return text
}

func TestDHCPv6Answers(t *testing.T) {
	us := dhcpv6.WithServerID(newServer6(true).id)
	other := dhcpv6.WithServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: rogueMAC})
	client := func(i byte) dhcpv6.Modifier {
		return dhcpv6.WithClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, i}})
	}
	ia := func(addrs ...string) dhcpv6.Modifier {
		o := &dhcpv6.OptIANA{IaId: [4]byte{1}}
		for _, a := range addrs {
			o.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(a)})
		}
		return dhcpv6.WithOption(o)
	}
	const (
		solicit, request, confirm = dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeConfirm
		renew, rebind             = dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind
		release, decline          = dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline
		inform                    = dhcpv6.MessageTypeInformationRequest

		one, two, three = "2001:db8:77::1000", "2001:db8:77::1001", "2001:db8:77::1002"
		lasts           = " 30m0s/1h0m0s"
	)
	type said struct {
		kind dhcpv6.MessageType
		with []dhcpv6.Modifier
	}
	say := func(kind dhcpv6.MessageType, with ...dhcpv6.Modifier) said { return said{kind, with} }
	for _, tt := range []struct {
		name   string
		server *dhcp6Server
		says   []said
		want   []string
		leases int
	}{
		{"a lease from its beginning to its end", newServer6(true), []said{
			say(solicit, client(1), ia()), say(request, client(1), us, ia(one)), say(renew, client(1), us, ia(one)),
			say(rebind, client(1), ia(one)), say(confirm, client(1), ia(one)), say(release, client(1), us, ia(one)),
		}, []string{"ADVERTISE " + one + lasts, "REPLY " + one + lasts, "REPLY " + one + lasts, "REPLY " + one + lasts, "REPLY Success", "REPLY Success"}, 0},
		{"two clients have two addresses", newServer6(true), []said{
			say(request, client(1), us, ia()), say(request, client(2), us, ia(one)), say(request, client(1), us, ia(three)),
		}, []string{"REPLY " + one + lasts, "REPLY " + two + lasts, "REPLY " + one + lasts}, 2},
		{"at once when the client asks for that", newServer6(true), []said{
			say(solicit, client(1), ia(), dhcpv6.WithRapidCommit),
		}, []string{"REPLY " + one + lasts}, 1},
		{"an address declined is nobody's for a while", newServer6(true), []said{
			say(request, client(1), us, ia()), say(decline, client(1), us, ia(one)), say(request, client(1), us, ia()),
		}, []string{"REPLY " + one + lasts, "REPLY Success", "REPLY " + two + lasts}, 1},
		{"what is another's, or of another link, is not renewed", newServer6(true), []said{
			say(request, client(1), us, ia()), say(renew, client(2), us, ia(one)), say(renew, client(2), us, ia("2001:db8:1::1")), say(renew, client(2), us, ia()),
			say(confirm, client(2), ia("2001:db8:1::1")), say(confirm, client(2), ia()),
		}, []string{"REPLY " + one + lasts, "REPLY " + one + " 0s/0s", "REPLY 2001:db8:1::1 0s/0s", "REPLY NoBinding", "REPLY NotOnLink", "nothing"}, 1},
		{"messages for others, or that lack something, are not heard", newServer6(true), []said{
			say(request, client(1), other, ia()), say(request, client(1), ia()), say(solicit, client(1), us, ia()),
			say(solicit, ia()), say(inform, other), say(inform, ia()), say(dhcpv6.MessageTypeReply, client(1), us),
		}, []string{"nothing", "nothing", "nothing", "nothing", "nothing", "nothing", "nothing"}, 0},
		{"who has no addresses tells the rest", newServer6(false), []said{
			say(solicit, client(1), ia()), say(inform, client(1)), say(inform),
		}, []string{"ADVERTISE NoAddrsAvail", "REPLY", "REPLY"}, 0},
		{"nothing by a fault", newServer6(true, "silent-dhcp6"), []said{say(solicit, client(1), ia()), say(inform)}, []string{"nothing", "nothing"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, m := range tt.says {
				req, err := dhcpv6.NewMessage(m.with...)
				if err != nil {
					t.Fatal(err)
				}
				req.MessageType = m.kind
				got = append(got, told6(tt.server.answer(req)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if n, _ := tt.server.leases(); n != tt.leases {
				t.Errorf("%d leases, want %d", n, tt.leases)
			}
		})
	}
}

func FuzzDHCPv6(f *testing.F) {
	s := newServer6(true)
	for _, kind := range []dhcpv6.MessageType{dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeRenew} {
		m, err := dhcpv6.NewSolicit(rogueMAC, dhcpv6.WithServerID(s.id))
		if err != nil {
			f.Fatal(err)
		}
		m.MessageType = kind
		f.Add(m.ToBytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := dhcpv6.MessageFromBytes(b); err == nil {
			if resp := s.answer(m); resp != nil {
				resp.ToBytes()
			}
		}
	})
}

func FuzzClaims(f *testing.F) {
	ns, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: netip.MustParseAddr("2001:db8:77::5")})
	if err != nil {
		f.Fatal(err)
	}
	frame := make([]byte, typeAt)
	frame[nextHeaderAt] = unix.IPPROTO_ICMPV6
	frame = append(frame, ns...)
	if claimed(frame) == nil {
		f.Error("a solicitation is not answered")
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, b []byte) {
		claim := claimed(b)
		if claim == nil {
			return
		}
		m, err := ndp.ParseMessage(claim[typeAt:])
		if na, ok := m.(*ndp.NeighborAdvertisement); err != nil || !ok || !na.Override || na.Solicited {
			t.Errorf("%v, %v", m, err)
		}
	})
}
