package wire

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

var testMAC = net.HardwareAddr{0x02, 0xaa, 0xbb, 0xcc, 0x00, 0x07}

// spoiltFrame is an Ethernet frame of which the tests spoil a part.
type spoiltFrame struct {
	to       net.HardwareAddr
	kind     uint16 // EtherType
	words    int    // of the IPv4 header
	fragment uint16
	protocol byte
	port     uint16
	mac      net.HardwareAddr // chaddr
}

func (f spoiltFrame) bytes(t *testing.T) []byte {
	t.Helper()
	msg, err := dhcpv4.New(dhcpv4.WithHwAddr(f.mac), dhcpv4.WithMessageType(dhcpv4.MessageTypeOffer))
	if err != nil {
		t.Fatal(err)
	}
	payload := msg.ToBytes()
	ip := make([]byte, 4*f.words+8)
	ip[0] = 0x40 | byte(f.words)
	binary.BigEndian.PutUint16(ip[6:], f.fragment)
	ip[9] = f.protocol
	binary.BigEndian.PutUint16(ip[4*f.words+2:], f.port)
	binary.BigEndian.PutUint16(ip[4*f.words+4:], uint16(8+len(payload)))
	frame := binary.BigEndian.AppendUint16(append(slices.Clone(f.to), 2, 0, 0, 0, 0, 1), f.kind)
	return slices.Concat(frame, ip, payload)
}

func TestTheListenerHearsOnlyAnswersToItsClients(t *testing.T) {
	filter := answersTo(testMAC)
	if _, err := bpf.Assemble(filter); err != nil {
		t.Fatal(err) // the kernel would not take it either
	}
	vm, err := bpf.NewVM(filter)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(i int) net.HardwareAddr {
		mac := slices.Clone(testMAC)
		mac[i] ^= 1
		return mac
	}
	const (
		nowhere   = iota // kept out by the kernel
		elsewhere        // at another client, or at none
		here
	)
	for _, tt := range []struct {
		name  string
		spoil func(*spoiltFrame)
		cut   int // bytes kept; 0 for all
		want  int
	}{
		{name: "an answer to this client", spoil: func(*spoiltFrame) {}, want: here},
		{name: "an answer by broadcast", spoil: func(f *spoiltFrame) { f.to = net.HardwareAddr{255, 255, 255, 255, 255, 255} }, want: here},
		{name: "an answer with IP options", spoil: func(f *spoiltFrame) { f.words = 6 }, want: here},
		{name: "an answer with all IP options there can be", spoil: func(f *spoiltFrame) { f.words = 15 }, want: here},
		{name: "an answer that must not be fragmented", spoil: func(f *spoiltFrame) { f.fragment = 0x4000 }, want: here},
		{name: "an answer sent to another link", spoil: func(f *spoiltFrame) { f.to = changed(5) }, want: elsewhere},
		{name: "another client by its fifth byte", spoil: func(f *spoiltFrame) { f.mac = changed(4); f.to = f.mac }, want: elsewhere},
		{name: "another client by its last byte", spoil: func(f *spoiltFrame) { f.mac = changed(5); f.to = f.mac }, want: elsewhere},
		{name: "another machine's client by its first byte", spoil: func(f *spoiltFrame) { f.mac = changed(0) }},
		{name: "another machine's client by its fourth byte", spoil: func(f *spoiltFrame) { f.mac = changed(3) }},
		{name: "a later fragment", spoil: func(f *spoiltFrame) { f.fragment = 0x00b9 }},
		{name: "a question to a server", spoil: func(f *spoiltFrame) { f.port = dhcpv4.ServerPort }},
		{name: "TCP", spoil: func(f *spoiltFrame) { f.protocol = unix.IPPROTO_TCP }},
		{name: "not IPv4", spoil: func(f *spoiltFrame) { f.kind = unix.ETH_P_IPV6 }},
		{name: "a header shorter than any", spoil: func(f *spoiltFrame) { f.words = 4 }, want: elsewhere},
		{name: "a frame that ends in the MAC address", spoil: func(*spoiltFrame) {}, cut: 14 + 20 + 8 + 28 + 3, want: nowhere},
		{name: "a frame that ends late in the MAC address", spoil: func(*spoiltFrame) {}, cut: 14 + 20 + 8 + 28 + 5, want: elsewhere},
		{name: "a frame shorter than its UDP says", spoil: func(*spoiltFrame) {}, cut: 14 + 20 + 8 + 100, want: elsewhere},
		{name: "a frame that ends in the IP header", spoil: func(*spoiltFrame) {}, cut: 14 + 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := spoiltFrame{to: testMAC, kind: unix.ETH_P_IP, words: 5, protocol: unix.IPPROTO_UDP, port: dhcpv4.ClientPort, mac: testMAC}
			tt.spoil(&f)
			frame := f.bytes(t)
			if tt.cut > 0 {
				frame = frame[:tt.cut]
			}
			n, err := vm.Run(frame)
			if err != nil {
				t.Fatal(err)
			}
			a, ok := dhcpAnswer(frame) // whatever the filter says, it must not panic
			got := nowhere
			switch {
			case n >= len(frame) && ok && a.client == [6]byte(testMAC):
				got = here
				if _, err := dhcpv4.FromBytes(a.msg); err != nil {
					t.Error(err)
				}
			case n > 0:
				got = elsewhere
			}
			if got != tt.want {
				t.Errorf("heard %d, want %d", got, tt.want)
			}
		})
	}
}

// What a kernel drops is told from what it does not look at.
func TestWrongChecksums(t *testing.T) {
	msg := make([]byte, 301) // an odd length
	for i := range msg {
		msg[i] = byte(3 * i)
	}
	sound := func() dhcpFrame {
		ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 77, 0, 1, 10, 77, 0, 10}
		udp := append([]byte{0, 67, 0, 68, 0, 0, 0, 0}, msg...)
		binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
		binary.BigEndian.PutUint16(ip[10:], packets.Checksum(packets.Sum(0, ip)))
		binary.BigEndian.PutUint16(udp[6:], packets.Checksum(packets.Sum(unix.IPPROTO_UDP+uint32(len(udp)), slices.Concat(ip[12:20], udp))))
		return dhcpFrame{ip: ip, udp: udp}
	}
	for _, tt := range []struct {
		name       string
		spoil      func(dhcpFrame)
		unfinished bool
		want       string
	}{
		{name: "sound", spoil: func(dhcpFrame) {}},
		{name: "the TTL changed on the way", spoil: func(f dhcpFrame) { f.ip[8]-- }, want: "IP"},
		{name: "the same, unfinished", spoil: func(f dhcpFrame) { f.ip[8]-- }, unfinished: true, want: "IP"},
		{name: "the last byte changed", spoil: func(f dhcpFrame) { f.udp[len(f.udp)-1]++ }, want: "UDP"},
		{name: "the same, unfinished", spoil: func(f dhcpFrame) { f.udp[len(f.udp)-1]++ }, unfinished: true},
		{name: "no checksum of UDP", spoil: func(f dhcpFrame) { f.udp[6], f.udp[7] = 0, 0 }},
		{
			name: "addresses changed so that IP does not see it",
			spoil: func(f dhcpFrame) {
				f.ip[15]++
				f.ip[19]--
				f.udp[10]++
			},
			want: "UDP",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sound()
			tt.spoil(f)
			if got := f.wrong(tt.unfinished); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
