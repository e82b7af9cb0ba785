package lab_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// configured is a host that has a lease and speaks from it, as a client does
// that renews.
func configured(t *testing.T, l *lab.Lab) (ack *dhcpv4.DHCPv4, conn *net.UDPConn) {
	t.Helper()
	h := newHost(t, l, l.Parent+"-stranger")
	lease, err := h.dhcpClient(t, h.unconfigured(t)).Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.configure(t, lease.ACK)
	return lease.ACK, inside(t, h, func() (*net.UDPConn, error) {
		return net.ListenUDP("udp4", &net.UDPAddr{IP: lease.ACK.YourIPAddr, Port: dhcpv4.ClientPort})
	})
}

// tell sends a message of a lease's holder to an address.
func tell(t *testing.T, conn *net.UDPConn, to net.IP, ack *dhcpv4.DHCPv4, kind dhcpv4.MessageType, with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append(with, dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(ack.ClientHWAddr), dhcpv4.WithClientIP(ack.YourIPAddr))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteTo(m.ToBytes(), &net.UDPAddr{IP: to, Port: dhcpv4.ServerPort}); err != nil {
		t.Fatal(err)
	}
	return m
}

// told is the answer to m, in short.
func told(t *testing.T, conn *net.UDPConn, m *dhcpv4.DHCPv4) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return "nothing"
		}
		if a, err := dhcpv4.FromBytes(buf[:n]); err == nil && a.TransactionID == m.TransactionID {
			return fmt.Sprint(a.MessageType(), " ", a.YourIPAddr)
		}
	}
}

func TestRenewalsAreAnsweredWhenTheyComeByBroadcast(t *testing.T) {
	nstest.Need(t)
	const request, inform = dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform
	type answers struct{ Renewing, Rebinding, Informed string }
	for _, tt := range []struct {
		name   string
		faults []lab.Fault
		want   answers
	}{
		{"and by unicast, of a router without faults", nil, answers{"ACK 10.77.0.10", "ACK 10.77.0.10", "ACK 0.0.0.0"}},
		{"only", []lab.Fault{"no-unicast-renewals"}, answers{"nothing", "ACK 10.77.0.10", "ACK 0.0.0.0"}},
		{"not even then", []lab.Fault{"no-renewals"}, answers{"nothing", "nothing", "ACK 0.0.0.0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, ordinary(tt.faults...))
			ack, conn := configured(t, l)
			router := ack.ServerIdentifier()
			got := answers{
				Renewing:  told(t, conn, tell(t, conn, router, ack, request)),
				Rebinding: told(t, conn, tell(t, conn, net.IPv4bcast, ack, request)),
				Informed:  told(t, conn, tell(t, conn, router, ack, inform)),
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			awaitLeases(t, l, 1)
			tell(t, conn, router, ack, dhcpv4.MessageTypeRelease, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(router)))
			awaitLeases(t, l, 0)
		})
	}
}
