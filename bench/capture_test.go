package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

var captureBegin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// film is a capture file being made up.
type film struct {
	t    *testing.T
	file bytes.Buffer
	w    *pcapgo.Writer
}

func newFilm(t *testing.T) *film {
	f := &film{t: t}
	f.w = pcapgo.NewWriterNanos(&f.file)
	if err := f.w.WriteFileHeader(128, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *film) frame(at time.Duration, parts ...gopacket.SerializableLayer) {
	f.t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		f.t.Fatal(err)
	}
	info := gopacket.CaptureInfo{Timestamp: captureBegin.Add(at), CaptureLength: len(b.Bytes()), Length: len(b.Bytes())}
	if err := f.w.WritePacket(info, b.Bytes()); err != nil {
		f.t.Fatal(err)
	}
}

// icmp adds a message; kind is request or reply.
func (f *film) icmp(at time.Duration, kind uint8, from, to string, id, seq uint16) {
	f.t.Helper()
	f.frame(at,
		&layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: id, Seq: seq},
		gopacket.Payload("lanstorm"))
}

const request, reply = layers.ICMPv4TypeEchoRequest, layers.ICMPv4TypeEchoReply

func TestRequestsMeetTheirReplies(t *testing.T) {
	const a, b, router = "10.64.0.10", "10.64.0.11", "10.64.0.1"
	f := newFilm(t)
	f.icmp(0, request, a, router, 1, 0)
	f.icmp(100, request, b, router, 1, 0)    // the same numbers, another client
	f.icmp(200, request, a, "8.8.8.8", 1, 0) // another target
	f.icmp(30000, reply, router, b, 1, 0)    // not in order
	f.icmp(40001, reply, router, a, 1, 0)    //
	f.icmp(40002, reply, router, a, 1, 0)    // a duplicate
	f.icmp(50000, reply, router, a, 2, 0)    // nobody asked
	f.icmp(60000, request, a, router, 1, 1)  // lost, and
	f.icmp(70000, request, a, router, 1, 1)  // sent again
	f.icmp(75000, reply, router, a, 1, 1)    //
	f.icmp(80000, request, b, router, 1, 1)  // never answered
	f.icmp(90000, layers.ICMPv4TypeDestinationUnreachable, router, b, 0, 0)
	f.frame(95000, &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeARP}, gopacket.Payload("who has"))

	var got Pings
	if err := readPackets(&f.file, got.see); err != nil {
		t.Fatal(err)
	}
	want := Pings{Requests: 5, Span: 80000, RTTs: []time.Duration{29900, 40001, 5000}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Pings{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestACaptureThatIsNone(t *testing.T) {
	f := newFilm(t)
	f.icmp(0, request, "10.0.0.2", "10.0.0.1", 1, 0)
	whole := f.file.Bytes()
	for name, data := range map[string][]byte{
		"empty":                    nil,
		"no capture":               []byte("tcpdump: permission denied, alas"),
		"cut off in the last ping": whole[:len(whole)-5],
	} {
		if err := readPackets(bytes.NewReader(data), func(packet) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := missed("3 packets captured\n5 packets received by filter\n2 packets dropped by kernel\n"); n != 2 {
		t.Errorf("%d missed, want 2", n)
	}
}

func TestAStormIsSeen(t *testing.T) {
	f := newFilm(t)
	dhcp := func(at time.Duration, client byte) {
		f.frame(at, &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, client}, DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}, gopacket.Payload("DISCOVER"))
	}
	dhcp(10, 1)
	dhcp(30, 2)
	dhcp(50, 1) // again
	dhcp(90, 3)
	dhcp(200, 2)
	var got asked
	if err := readPackets(&f.file, got.see); err != nil || len(got.clients) != 3 || got.span != 80 {
		t.Errorf("%d clients within %d ns, %v; want 3 within 80", len(got.clients), got.span, err)
	}
}

func TestP99(t *testing.T) {
	var p Pings
	if p.P99() != 0 {
		t.Error("there are none")
	}
	for i := range 200 {
		p.RTTs = append(p.RTTs, time.Duration(i+1))
	}
	if got := p.P99(); got != 198 {
		t.Errorf("%d, want 198", got)
	}
}

// inLab calls do in a session with a lab, which must leave nothing behind.
func inLab(t *testing.T, do func(*bench.Session, *lab.Lab) error) {
	t.Helper()
	nstest.Need(t)
	s := &bench.Session{Mode: "bridge", Repeat: 1, Progress: io.Discard, Patience: t.Context()}
	err := s.Run(func() error {
		return s.InLab(lab.Builtin, time.Hour, func(l *lab.Lab) error { return do(s, l) })
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(journal.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", journal.Dir, err)
	}
}

func TestTcpdumpSeesWhatLanstormDoes(t *testing.T) {
	need(t, "tcpdump")
	inLab(t, func(s *bench.Session, l *lab.Lab) error {
		r, err := latency(t.Context(), s, l, 3, time.Second)
		if r.Sent != 3 || r.Received != 3 || r.Seen.Requests != 3 || len(r.Seen.RTTs) != 3 || r.Seen.P99() <= 0 {
			t.Errorf("%+v", r)
		}
		if err != nil {
			return err
		}
		a, err := storm(t.Context(), s, l, lab.Builtin, 3)
		if a.Clients != 3 || a.Seen != 3 || a.Span <= 0 || a.Leased <= 0 || a.Sent < 6 {
			t.Errorf("%+v", a)
		}
		return err
	})
}

func TestTcpdumpOnALinkThatIsNot(t *testing.T) {
	need(t, "tcpdump")
	if _, err := startCapture(t.Context(), "nowhere0", "icmp"); err == nil || !strings.HasPrefix(err.Error(), "tcpdump: exit status 1: ") || !strings.Contains(err.Error(), "nowhere0") {
		t.Errorf("%v", err)
	}
}

func TestTheBareLoopLeavesNothing(t *testing.T) {
	inLab(t, func(s *bench.Session, l *lab.Lab) error {
		before := bench.InUse().Files
		o, err := bareLoop(t.Context(), s, l, 20)
		if o.Create <= 0 || o.Clients != 20 {
			t.Errorf("%+v", o)
		}
		if now := bench.InUse().Files; now > before {
			t.Errorf("%g descriptors, %g before", now, before)
		}
		if links, err := netlink.LinkList(); err != nil || len(links) != 2 { // loopback and the lab's
			t.Errorf("%d links are left, %v", len(links), err)
		}
		return err
	})
}

// Short as it is, it renews twice.
func TestClientsThatStandRenew(t *testing.T) {
	inLab(t, func(s *bench.Session, _ *lab.Lab) error {
		return s.InLab(lab.Builtin, 2*time.Second, func(l *lab.Lab) error {
			r, err := standing(t.Context(), s, l, 2, 2*time.Second, 3500*time.Millisecond)
			if r.Clients != 2 || r.Fewest < r.Expected() || r.Renewals < 4 || r.Lost > 0 || r.Early.Files <= 0 || r.End.Files <= 0 {
				t.Errorf("%+v", r)
			}
			return err
		})
	})
}
