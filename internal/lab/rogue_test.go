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

// say broadcasts a message of client number i, and returns the first two answers
// to it, or what has come when nobody answers any more.
func say(t *testing.T, conn net.PacketConn, i byte, kind dhcpv4.MessageType, with ...dhcpv4.Modifier) (answers []string) {
	t.Helper()
	req, err := dhcpv4.New(append(with, dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, i}), dhcpv4.WithBroadcast(true))...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteTo(req.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ServerPort}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for len(answers) < 2 {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			break
		}
		if m, err := dhcpv4.FromBytes(buf[:n]); err == nil && m.TransactionID == req.TransactionID {
			answers = append(answers, fmt.Sprintf("%s from %s", m.MessageType(), m.ServerIdentifier()))
		}
	}
	return answers
}

func TestARogueServerRaces(t *testing.T) {
	nstest.Need(t)
	const router, rogue = "OFFER from 10.77.0.1", "OFFER from 10.77.0.2"
	won, lost, absent := []string{rogue, router}, []string{router, rogue}, []string{router}
	for _, tt := range []struct {
		name  string
		fault lab.Fault
		want  [][]string // of each client
	}{
		{"for every second client alone", "rogue-dhcp", [][]string{won, absent, won}},
		{"too late for everybody", "rogue-dhcp 0%", [][]string{lost, lost, lost}},
		{"for each client", "rogue-dhcp 100%", [][]string{won, won, won}},
		{"for two in five, the first among them", "rogue-dhcp 40%", [][]string{won, lost, won, lost, lost, won}},
		{"while the router is slow", "rogue-dhcp 50%", [][]string{won, lost}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, ordinary("rogue-dhcp 20%"))
			breaks(t, l, tt.fault)
			if len(tt.want) == 2 {
				breaks(t, l, "delay-dhcp 400ms")
			}
			conn := newHost(t, l, l.Parent+"-stranger").unconfigured(t)
			var got [][]string
			for i := range tt.want {
				got = append(got, say(t, conn, byte(i), dhcpv4.MessageTypeDiscover))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("offers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARogueServerThatRacesHearsOnlyItsOwn(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	const request = dhcpv4.MessageTypeRequest
	l := startLab(t, ordinary("rogue-dhcp 100%"))
	conn := newHost(t, l, "stranger").unconfigured(t)
	say(t, conn, 1, dhcpv4.MessageTypeDiscover)
	ofRouter := dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 77, 0, 10)))
	ofRogue := dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 79, 0, 10)))
	by := func(i byte) dhcpv4.Modifier {
		return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 77, 0, i)))
	}
	for _, tt := range []struct {
		name string
		with []dhcpv4.Modifier
		want []string
	}{
		{"a client that takes the router's offer", []dhcpv4.Modifier{ofRouter, by(1)}, []string{"ACK from 10.77.0.1"}},
		{"a client that starts again with it (init-reboot)", []dhcpv4.Modifier{ofRouter}, []string{"ACK from 10.77.0.1"}},
		{"a client that takes the rogue's offer", []dhcpv4.Modifier{ofRogue, by(2)}, []string{"ACK from 10.77.0.2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, say(t, conn, 1, request, tt.with...)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}
