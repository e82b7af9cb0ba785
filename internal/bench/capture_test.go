package bench

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

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

	got, err := readSightings(&f.file)
	if err != nil {
		t.Fatal(err)
	}
	want := sightings{Requests: 5, First: captureBegin, Last: captureBegin.Add(80000), RTTs: []time.Duration{5000, 29900, 40001}}
	if diff := cmp.Diff(want, got); diff != "" {
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
		if _, err := readSightings(bytes.NewReader(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := dropped("3 packets captured\n5 packets received by filter\n2 packets dropped by kernel\n"); n != 2 {
		t.Errorf("%d dropped, want 2", n)
	}
}

func TestQuantile(t *testing.T) {
	var times []time.Duration
	if quantile(times, 0.99) != 0 {
		t.Error("there are none")
	}
	for i := range 200 {
		times = append(times, time.Duration(i+1))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := quantile(times, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
}

func TestTcpdumpSeesTheProbe(t *testing.T) {
	s := begun(t, lab.Builtin)
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump: install it (apt install tcpdump)")
	}
	err := s.inLab(lab.Builtin, func(l *lab.Lab) error {
		r, err := s.minute(t.Context(), l, 3, time.Second)
		if r.Sent != 3 || r.Received != 3 || r.Requests != 3 || r.Replies != 3 || r.SeenP99 <= 0 {
			t.Errorf("%+v", r)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTcpdumpOnALinkThatIsNot(t *testing.T) {
	nstest.Need(t)
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump: install it (apt install tcpdump)")
	}
	if _, err := startCapture(t.Context(), "nowhere0", "icmp"); err == nil || !strings.HasPrefix(err.Error(), "tcpdump: ended at once: ") {
		t.Errorf("%v", err)
	}
}
