package lab

import (
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// TestWrongsOfALease takes a client through the life of a lease at a server that
// goes wrong somewhere in it.
func TestWrongsOfALease(t *testing.T) {
	const (
		discover = dhcpv4.MessageTypeDiscover
		request  = dhcpv4.MessageTypeRequest
		release  = dhcpv4.MessageTypeRelease
		decline  = dhcpv4.MessageTypeDecline
		inform   = dhcpv4.MessageTypeInform
	)
	type with = []dhcpv4.Modifier
	type turn struct {
		kind dhcpv4.MessageType
		with with
		want string
	}
	other := named("other") // a client
	var (
		offered  = turn{discover, nil, "OFFER 10.77.0.10"}
		leased   = turn{request, with{asking("10.77.0.10"), choosing(routerIP)}, "ACK 10.77.0.10"}
		renewed  = turn{request, with{having("10.77.0.10")}, "ACK 10.77.0.10"}
		released = turn{release, with{having("10.77.0.10"), choosing(routerIP)}, "nothing"}
	)
	reboot := turn{} // of the router

	for _, tt := range []struct {
		name  string
		fault fault.Fault
		turns []turn
	}{
		{"a client that begins anew gets another address", "changes-addresses", []turn{
			offered, offered, leased, renewed,
			{discover, nil, "OFFER 10.77.0.11"}, {discover, nil, "OFFER 10.77.0.11"},
			{request, with{asking("10.77.0.11"), choosing(routerIP)}, "ACK 10.77.0.11"},
			{discover, with{asking("10.77.0.11")}, "OFFER 10.77.0.12"},
		}},
		{"a client that starts again must begin anew (init-reboot)", "changes-addresses", []turn{
			offered, leased,
			{request, with{asking("10.77.0.10")}, "NAK 0.0.0.0"}, {discover, with{asking("10.77.0.10")}, "OFFER 10.77.0.11"},
		}},
		{"a client that gave its address back gets another", "changes-addresses", []turn{
			offered, leased, released, {discover, with{asking("10.77.0.10")}, "OFFER 10.77.0.11"},
		}},
		{"a client gets another address from a router that has rebooted", "changes-addresses", []turn{
			offered, leased, reboot,
			{request, with{asking("10.77.0.10")}, "NAK 0.0.0.0"}, {discover, nil, "OFFER 10.77.0.11"},
		}},
		{"a client that renews after all keeps its address", "changes-addresses", []turn{
			offered, leased, {discover, nil, "OFFER 10.77.0.11"}, renewed,
		}},
		{"what should be refused is left without an answer", "no-naks", []turn{
			{request, with{asking("192.168.1.20")}, "nothing"}, {request, with{having("192.168.1.20")}, "nothing"},
			offered, leased, renewed,
		}},
		{"an address that was given back stays taken", "ignore-releases", []turn{
			offered, leased, released,
			{discover, with{other, asking("10.77.0.10")}, "OFFER 10.77.0.11"}, offered,
		}},
		{"an address that was declined is offered again", "ignore-declines", []turn{
			offered, leased, {decline, with{asking("10.77.0.10"), choosing(routerIP)}, "nothing"},
			offered, {discover, with{other}, "OFFER 10.77.0.11"},
		}},
		{"INFORM gets an address, which is nobody's lease", "inform-leases", []turn{
			{inform, with{having("10.77.0.10")}, "ACK 10.77.0.10"}, {discover, with{other}, "OFFER 10.77.0.10"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := broken(t, 100, tt.fault)
			router := &builtin{dhcp: s}
			for i, turn := range tt.turns {
				if turn.kind == reboot.kind {
					if err := router.forget(); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if got := told(s.answer(message(t, turn.kind, macA, turn.with...))); got != turn.want {
					t.Fatalf("turn %d, %s: answered %s, want %s", i+1, turn.kind, got, turn.want)
				}
			}
		})
	}
}

func TestAnAddressIsChangedForALeaseOfBeforeTheFault(t *testing.T) {
	s := broken(t, 2)
	for _, want := range []string{"OFFER 10.77.0.10, ACK 10.77.0.10", "OFFER 10.77.0.11, ACK 10.77.0.11", "OFFER 10.77.0.10, ACK 10.77.0.10"} {
		if got := talk(t, s, 1); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		c := fault.Conditions{Pool: 2, LeaseTime: s.lease, ChangesAddresses: true}
		s.obey(c)
	}
	if got := talk(t, s, 2); got != "OFFER 10.77.0.11, ACK 10.77.0.11" {
		t.Errorf("another client is told %s, want that it gets the address that is left", got)
	}
	if got := talk(t, s, 1); got != "nothing" {
		t.Errorf("with no other address left, it is told %s", got)
	}
}
