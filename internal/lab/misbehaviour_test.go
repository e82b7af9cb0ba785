package lab

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// broken is newServer with faults, and as many addresses as are wanted.
func broken(t *testing.T, pool int, faults ...fault.Fault) *dhcpServer {
	t.Helper()
	s := newServer()
	s.subnet = netip.MustParsePrefix("10.77.0.0/16")
	c := fault.Conditions{Pool: pool, LeaseTime: time.Hour}
	for _, f := range faults {
		if err := f.Apply(&c); err != nil {
			t.Fatal(err)
		}
	}
	s.obey(c)
	return s
}

// talk is what client number i is answered to a DISCOVER, and to a REQUEST of
// the address in the answer.
func talk(t *testing.T, s *dhcpServer, i byte) string {
	t.Helper()
	mac := net.HardwareAddr{2, 0, 0, 0, 0, i}
	offer := s.answer(message(t, dhcpv4.MessageTypeDiscover, mac))
	if offer == nil {
		return "nothing"
	}
	ack := s.answer(message(t, dhcpv4.MessageTypeRequest, mac, asking(offer.YourIPAddr.String()), choosing(offer.ServerIdentifier())))
	return told(offer) + ", " + told(ack)
}

func TestMischief(t *testing.T) {
	const one, two = "OFFER 10.77.0.10, ACK 10.77.0.10", "OFFER 10.77.0.11, ACK 10.77.0.11"
	for _, tt := range []struct {
		name    string
		faults  []fault.Fault
		clients []byte
		want    []string
	}{
		{"none", nil, []byte{1, 2}, []string{one, two}},
		{"every REQUEST is refused", []fault.Fault{"nak"}, []byte{1, 2},
			[]string{"OFFER 10.77.0.10, NAK 0.0.0.0", "OFFER 10.77.0.11, NAK 0.0.0.0"}},
		{"a pool made smaller", []fault.Fault{"pool 1"}, []byte{1, 2, 1}, []string{one, "nothing", one}},
		{"twins, who stay so", []fault.Fault{"duplicate-address"}, []byte{1, 2, 3, 4, 2, 1},
			[]string{one, one, two, two, one, one}},
		{"a client that asks twice is not its own twin", []fault.Fault{"duplicate-address"}, []byte{1, 1, 2, 1, 3},
			[]string{one, one, one, one, two}},
		{"addresses of the subnet beside", []fault.Fault{"wrong-subnet"}, []byte{1, 2},
			[]string{"OFFER 10.76.0.10, ACK 10.76.0.10", "OFFER 10.76.0.11, ACK 10.76.0.11"}},
		{"a server that hangs after a lease", []fault.Fault{"stop-after 1"}, []byte{1, 2},
			[]string{one, "OFFER 10.77.0.11, nothing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := broken(t, 100, tt.faults...)
			var got []string
			for _, i := range tt.clients {
				got = append(got, talk(t, s, i))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpoiledAnswersLack(t *testing.T) {
	const mask, router, beside, hour = "ffff0000", "0a4d0001", "0a4c0001", "00000e10"
	for _, tt := range []struct {
		fault fault.Fault
		want  map[int]string
	}{
		{"no-gateway", map[int]string{1: mask, 6: router, 51: hour, 53: "05", 54: router}},
		{"no-dns", map[int]string{1: mask, 3: router, 51: hour, 53: "05", 54: router, 121: "00" + router}},
		{"wrong-subnet", map[int]string{1: mask, 3: beside, 6: beside, 51: hour, 53: "05", 54: router}},
		{"lease-time 90s", map[int]string{1: mask, 3: router, 6: router, 51: "0000005a", 53: "05", 54: router, 121: "00" + router}},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			s := broken(t, 100, tt.fault)
			everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
			s.options = append(s.options, dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(&dhcpv4.Route{Dest: everywhere, Router: routerIP})))
			address := "10.77.0.10"
			if tt.fault == "wrong-subnet" {
				address = "10.76.0.10"
			}
			ack := s.answer(message(t, dhcpv4.MessageTypeRequest, macA, asking(address)))
			if diff := cmp.Diff(tt.want, options(overTheWire(t, ack))); diff != "" {
				t.Errorf("options of the ACK (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnInformThatGetsALeaseIsToldForHowLong(t *testing.T) {
	for _, tt := range []struct {
		fault fault.Fault
		want  string
	}{{"no-naks", ""}, {"inform-leases", "00000e10"}} {
		ack := broken(t, 100, tt.fault).answer(message(t, dhcpv4.MessageTypeInform, macA, having("10.77.0.200")))
		if got := options(overTheWire(t, ack))[51]; got != tt.want {
			t.Errorf("%s: a lease time (option 51) of %q, want %q", tt.fault, got, tt.want)
		}
	}
}

// fates shows which of n messages a server loses.
func fates(s *dhcpServer, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(map[bool]byte{true: 'x', false: '.'}[s.loses()])
	}
	return b.String()
}

func TestMessagesLost(t *testing.T) {
	for _, tt := range []struct {
		fault fault.Fault
		want  string
	}{
		{"no-dns", "............"},
		{"silent-dhcp", "xxxxxxxxxxxx"},
		{"drop-dhcp 1", "xxxxxxxxxxxx"},
		{"drop-dhcp 3", "..x..x..x..x"},
		{"drop-dhcp 100%", "xxxxxxxxxxxx"},
		{"drop-dhcp 0%", "............"},
	} {
		t.Run(string(tt.fault), func(t *testing.T) {
			if got := fates(broken(t, 100, tt.fault), len(tt.want)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestChanceIsTheSameEveryTime(t *testing.T) {
	s := broken(t, 100, "drop-dhcp 20%")
	first := fates(s, 1000)
	if lost := strings.Count(first, "x"); lost < 150 || lost > 250 {
		t.Errorf("%d of 1000 messages lost, want 20%%", lost)
	}
	s.obey(s.conditions())
	if again := fates(s, 1000); again != first {
		t.Error("other messages were lost the second time")
	}
}

func TestAServerThatHangsDoesNotHear(t *testing.T) {
	s := broken(t, 100, "stop-after 2")
	for i, want := range []bool{false, false, true} {
		if got := s.loses(); got != want {
			t.Errorf("with %d leases given, a message is lost: %v", i, got)
		}
		talk(t, s, byte(i))
	}
	s.restart()
	if s.loses() {
		t.Error("it still hangs after a reboot")
	}
}

func TestTimeToReboot(t *testing.T) {
	s := broken(t, 100, "reboot-after 2")
	var got []bool
	for i := range 4 {
		talk(t, s, byte(i))
		got = append(got, s.reboots())
	}
	if diff := cmp.Diff([]bool{false, true, false, false}, got); diff != "" {
		t.Errorf("reboots after each of four leases (-want +got):\n%s", diff)
	}
}

func TestALeaseOfTheWrongSubnetIsGivenBack(t *testing.T) {
	s := broken(t, 100, "wrong-subnet")
	if got, want := talk(t, s, 0x0a), "OFFER 10.76.0.10, ACK 10.76.0.10"; got != want {
		t.Fatal(got)
	}
	s.answer(message(t, dhcpv4.MessageTypeRelease, macA, having("10.76.0.10")))
	if n := s.pool.leases(); n != 0 {
		t.Errorf("%d leases left", n)
	}
}

func TestNeighbours(t *testing.T) {
	for _, tt := range []struct {
		addr    string
		bits, i int
		want    string
	}{
		{"10.77.0.10", 16, 1, "10.76.0.10"},
		{"10.76.0.10", 16, 1, "10.77.0.10"},
		{"10.77.0.10", 16, 2, "10.79.0.10"},
		{"10.0.0.10", 8, 1, "11.0.0.10"},
		{"192.168.7.26", 28, 1, "192.168.7.10"},
	} {
		if got := neighbour(netip.MustParseAddr(tt.addr), tt.bits, tt.i).String(); got != tt.want {
			t.Errorf("beside %s/%d: %s, want %s", tt.addr, tt.bits, got, tt.want)
		}
	}
}
