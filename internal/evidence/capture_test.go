package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestMain(m *testing.M) { nstest.Main(m) }

var tester = record.Tester{Lanstorm: "v1.2", Kernel: "6.12.0", Machine: "Raspberry Pi 5"}

func start(tb testing.TB, parent string) *Capture {
	tb.Helper()
	c, err := Start(parent, tester)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func startLab(t testing.TB, faults ...lab.Fault) *lab.Lab {
	t.Helper()
	nstest.Need(t)
	l, err := lab.Start(lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 500, LeaseTime: time.Hour, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newManager(t testing.TB, opts netmgr.Options) *netmgr.NetworkManager {
	t.Helper()
	m, err := netmgr.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// seen is a packet of a file.
type seen struct {
	gopacket.Packet
	out  bool
	size int // on the wire
	at   time.Time
}

// file is what was written, read again.
type file struct {
	path    string
	told    *record.Evidence
	info    pcapgo.NgSectionInfo
	parent  pcapgo.NgInterface
	stats   pcapgo.NgInterfaceStatistics
	names   []string
	packets []seen
}

func write(t *testing.T, c *Capture, hosts ...Host) (f file) {
	t.Helper()
	dir := t.TempDir()
	var err error
	if f.told, err = c.Write(dir, "01-it", hosts); err != nil {
		t.Fatal(err)
	}
	f.path = filepath.Join(dir, f.told.File)
	opened, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	r, err := pcapgo.NewNgReader(opened, pcapgo.NgReaderOptions{
		StatisticsCallback: func(_ int, s pcapgo.NgInterfaceStatistics) { f.stats = s },
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, opts, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		p := seen{gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Default), false, info.Length, info.Timestamp}
		p.out = opts.Flags.Direction == pcapgo.NgEpbFlagDirectionOutbound
		if n := len(f.packets); n > 0 && p.at.Before(f.packets[n-1].at) {
			t.Errorf("packet %d is older than the one before", n)
		}
		f.packets = append(f.packets, p)
	}
	f.info = r.SectionInfo()
	if f.parent, err = r.Interface(0); err != nil {
		t.Fatal(err)
	}
	for i := range r.NNames() {
		n, err := r.Name(i)
		if err != nil {
			t.Fatal(err)
		}
		f.names = append(f.names, fmt.Sprint(n.Addr, " ", n.Names))
	}
	if len(f.packets) != f.told.Packets {
		t.Errorf("the file has %d packets, told are %d", len(f.packets), f.told.Packets)
	}
	return f
}

// tshark is what it prints for these arguments, of the file.
func (f file) tshark(t *testing.T, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark, of the package of that name")
	}
	cmd := exec.Command("tshark", append([]string{"-r", f.path}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// dhcpOf are the DHCP messages of a client: their type, and > when it sent them.
func (f file) dhcpOf(mac net.HardwareAddr) (messages []string) {
	for _, p := range f.packets {
		d, ok := p.Layer(layers.LayerTypeDHCPv4).(*layers.DHCPv4)
		if !ok || !bytes.Equal(d.ClientHWAddr, mac) {
			continue
		}
		direction := "<"
		if p.out {
			direction = ">"
		}
		for _, o := range d.Options {
			if o.Type == layers.DHCPOptMessageType {
				messages = append(messages, direction+layers.DHCPMsgType(o.Data[0]).String())
			}
		}
	}
	return messages
}

func TestAFailingClientsMessagesAreInTheFile(t *testing.T) {
	l := startLab(t, "nak")
	m := newManager(t, netmgr.Options{Parent: l.Parent, DHCPTimeout: 2 * time.Second})
	c := start(t, l.Parent)
	began := time.Now()
	err := m.CreateClients(t.Context(), 3)
	var failed *netmgr.CreateError
	if !errors.As(err, &failed) || len(failed.Failed) != 3 {
		t.Fatalf("%v: want 3 clients that failed", err)
	}
	f := write(t, c)
	macs := map[[6]byte]bool{} // which end in the number of the client
	for _, p := range f.packets {
		if d, ok := p.Layer(layers.LayerTypeDHCPv4).(*layers.DHCPv4); ok {
			macs[[6]byte(d.ClientHWAddr)] = true
		}
	}
	var hosts []Host
	for mac := range macs {
		hosts = append(hosts, Host{Name: fmt.Sprint("ns", mac[5]), MAC: mac[:]})
	}
	slices.SortFunc(hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	if len(hosts) != 3 || hosts[0].Name != "ns1" || hosts[2].Name != "ns3" {
		t.Fatalf("the file has DHCP messages of %s, want ns1, ns2 and ns3", hosts)
	}
	for _, h := range hosts {
		messages := f.dhcpOf(h.MAC)
		want := []string{">Discover", "<Offer", ">Request", "<Nak"}
		if len(messages) < 4 || !slices.Equal(messages[:4], want) {
			t.Errorf("%s: %s, want %s to begin with", h.Name, messages, want)
		}
	}
	if at := f.packets[0].at; at.Before(began) || at.After(time.Now()) {
		t.Errorf("a packet was seen at %s, which is not between %s and now", at, began)
	}
	for _, h := range hosts {
		lines := f.tshark(t, "-Y", fmt.Sprintf("dhcp && dhcp.hw.mac_addr == %s", h.MAC), "-T", "fields", "-e", "dhcp.option.dhcp")
		if want := len(f.dhcpOf(h.MAC)); len(lines) != want {
			t.Errorf("tshark finds %d DHCP messages of %s, want %d", len(lines), h.Name, want)
		}
	}
}

func TestEachFrameIsInTheFileOnce(t *testing.T) {
	for _, mode := range []string{"bridge", "private", "vepa"} {
		t.Run(mode, func(t *testing.T) {
			l := startLab(t)
			c := start(t, l.Parent)
			m := newManager(t, netmgr.Options{Parent: l.Parent, Mode: mode})
			if err := m.CreateClients(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			clients := m.Clients()
			quick := netmgr.Ping{Count: 3, Interval: 10 * time.Millisecond, Timeout: 3 * time.Second}
			for _, r := range m.PingAll(t.Context(), netmgr.Gateway, quick) {
				if r.Received != 3 {
					t.Fatalf("%s: %s", r.Client, r.Reason)
				}
			}
			other := clients[0].Lease().Address.Addr()
			want := 18 // requests and replies
			if mode == "bridge" {
				want += 12
				m.PingAll(t.Context(), netmgr.Host(other), quick)
			}
			var resp *http.Response
			var err error
			for range 5 { // the lab's name server gives up on a busy machine
				if resp, err = clients[1].HTTPClient().Get("http://example.test/"); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			clients[1].HTTPClient().CloseIdleConnections()

			var hosts []Host
			for _, c := range clients {
				hosts = append(hosts, Host{c.Name, c.MAC, c.Lease().Address.Addr()})
			}
			f := write(t, c, hosts...)
			pings, flags := map[string]int{}, map[string]int{}
			for _, p := range f.packets {
				ip, _ := p.NetworkLayer().(*layers.IPv4)
				switch layer := p.TransportLayer().(type) {
				case *layers.TCP:
					flags[fmt.Sprintf("SYN %t, ACK %t", layer.SYN, layer.ACK)]++
				case *layers.UDP:
					if layer.DstPort == 53 || layer.SrcPort == 53 {
						flags["DNS"]++
					}
				}
				if icmp, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
					pings[fmt.Sprint(ip.SrcIP, ip.DstIP, icmp.TypeCode, icmp.Id, icmp.Seq, p.out)]++
				}
			}
			if len(pings) != want {
				t.Errorf("%d requests and replies, want %d", len(pings), want)
			}
			for ping, n := range pings {
				if n != 1 {
					t.Errorf("%s: %d times", ping, n)
				}
			}
			if flags["SYN true, ACK false"] == 0 || flags["SYN true, ACK true"] == 0 || flags["DNS"] < 2 {
				t.Errorf("%v: want a connection, and DNS", flags)
			}
			for _, c := range clients {
				if diff := cmp.Diff([]string{">Discover", "<Offer", ">Request", "<Ack"}, f.dhcpOf(c.MAC)); diff != "" && m.Creation().Resent == 0 {
					t.Error(diff)
				}
			}
			lines := f.tshark(t, "-N", "n", "-Y", "icmp")
			if len(lines) != want || !strings.Contains(lines[0], " ns") {
				t.Errorf("tshark does not show %d pings with the names of clients: %s", want, lines)
			}
		})
	}
}

// wire is two ends of a cable: near, on which captures are, and far.
type wire struct {
	tb        testing.TB
	near, far netlink.Link
	fd        int
}

func newWire(tb testing.TB) *wire {
	tb.Helper()
	nstest.Need(tb)
	w := &wire{tb: tb}
	var err error
	if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(w.fd) })
	w.lay()
	tb.Cleanup(func() { _ = netlink.LinkDel(w.near) })
	return w
}

func (w *wire) lay() {
	w.tb.Helper()
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "near", TxQLen: -1}, PeerName: "far"})
	if err == nil {
		w.near, err = netlink.LinkByName("near")
	}
	if err == nil {
		w.far, err = netlink.LinkByName("far")
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	w.up(w.far)
	w.up(w.near)
	// Until the kernel has seen to the carrier, what is sent is dropped without a word.
	for end := time.Now().Add(time.Minute); w.far.Attrs().OperState != netlink.OperUp; time.Sleep(time.Millisecond) {
		if w.far, err = netlink.LinkByName("far"); err != nil || time.Now().After(end) {
			w.tb.Fatal("the wire does not come up: ", err)
		}
	}
}

func (w *wire) up(l netlink.Link) {
	w.tb.Helper()
	if err := netlink.LinkSetUp(l); err != nil {
		w.tb.Fatal(err)
	}
}

// send sends a frame from the far end. The kernel does not take it from a link
// without a carrier.
func (w *wire) send(frame []byte) error {
	return unix.Sendto(w.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: w.far.Attrs().Index})
}

func (w *wire) mustSend(frame []byte) {
	w.tb.Helper()
	if err := w.send(frame); err != nil {
		w.tb.Fatal(err)
	}
}

// ours are the frames in c that come from mac1: the kernel has some to say, too.
func ours(c *Capture) (frames [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take()
	for _, p := range c.ring.packets {
		if bytes.HasPrefix(p.data[6:], mac1) {
			frames = append(frames, p.data)
		}
	}
	return frames
}

func aPing(tb testing.TB) []byte {
	return frameOf(tb, over4(layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: 8 << 8}, payload(56))...)
}

// awaitOne sends pings until one is seen.
func awaitOne(t *testing.T, w *wire, c *Capture) {
	t.Helper()
	for end := time.Now().Add(time.Minute); len(ours(c)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was seen")
		}
		_ = w.send(aPing(t))
	}
}

func TestAScenarioHasItsOwnPackets(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	w.mustSend(aPing(t))
	w.mustSend(aPing(t))
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	w.mustSend(frameOf(t, over4(layers.IPProtocolUDP, udp(67, 68)...)...))
	got := ours(c)
	if len(got) != 1 || !assigns(got[0]) {
		t.Errorf("%d packets, want the one after Reset", len(got))
	}
}

func TestLargeFramesAreCutButKnowTheirSize(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	w.mustSend(frameOf(t, over4(layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: 8 << 8}, payload(1400))...))
	w.mustSend(frameOf(t, over4(layers.IPProtocolUDP, udp(67, 68)...)...))
	sizes := map[string]int{}
	for _, p := range write(t, c).packets {
		if bytes.HasPrefix(p.Data()[6:], mac1) {
			sizes[fmt.Sprintf("%d of %d", len(p.Data()), p.size)]++
		}
	}
	if diff := cmp.Diff(map[string]int{"512 of 1442": 1, "742 of 742": 1}, sizes); diff != "" {
		t.Error(diff)
	}
}

func TestAVLANTagIsPutBack(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	plain := aPing(t)
	tagged := slices.Concat(plain[:12], []byte{0x81, 0x00, 0x20, 0x07}, plain[12:])
	w.mustSend(tagged)
	if got := ours(c); len(got) != 1 || !bytes.Equal(got[0], tagged) {
		t.Errorf("%x\nwant %x", got, tagged)
	}
}

func TestTheParentGoesDownAndVanishes(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	awaitOne(t, w, c)
	if err := netlink.LinkSetDown(w.near); err != nil {
		t.Fatal(err)
	}
	if len(write(t, c).packets) == 0 {
		t.Error("what there was before is gone")
	}
	if err := c.Reset(); err != nil { // of a link that is down
		t.Fatal(err)
	}
	w.up(w.near)
	awaitOne(t, w, c)

	if err := netlink.LinkDel(w.near); err != nil {
		t.Fatal(err)
	}
	if len(ours(c)) == 0 {
		t.Error("what there was before is gone")
	}
	if err := c.Reset(); err == nil || !strings.Contains(err.Error(), "near") {
		t.Errorf("Reset without the parent: %v, want an error that names it", err)
	}
	if n := len(write(t, c).packets); n != 0 {
		t.Errorf("%d packets, want none", n)
	}
	w.lay()
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	awaitOne(t, w, c)
}

func TestWhatIsLostIsTold(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	frame := frameOf(t, over4(layers.IPProtocolUDP, udp(67, 68)...)...)
	const n = 12000 // more than fits into the kernel's buffer
	c.mu.Lock()     // which overflows
	for range n {
		w.mustSend(frame)
	}
	c.mu.Unlock()
	f := write(t, c)
	if f.told.Lost == 0 || f.told.Lost != c.dropped || f.told.Packets+f.told.Lost < n {
		t.Errorf("told are %d packets and %d lost, %d by the kernel, of %d", f.told.Packets, f.told.Lost, c.dropped, n)
	}
	if f.stats.PacketsDropped != uint64(f.told.Lost) || f.stats.PacketsReceived != uint64(f.told.Packets+f.told.Lost) {
		t.Errorf("the file says %+v", f.stats)
	}
	if want := fmt.Sprintf("%d packets are missing: %[1]d that the kernel had no room for, and the oldest 0.", f.told.Lost); !strings.Contains(f.info.Comment, want) {
		t.Errorf("%q, want %q in it", f.info.Comment, want)
	}

	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.ring.most = 1 << 20
	c.mu.Unlock()
	w.mustSend(frame)
	for range n { // ours does, as the kernel's is emptied each time
		w.mustSend(aPing(t))
		c.look()
	}
	f = write(t, c)
	if f.told.Lost == 0 || c.dropped != 0 {
		t.Errorf("told are %d lost, %d by the kernel: want some, and none", f.told.Lost, c.dropped)
	}
	if want := fmt.Sprintf("%d packets are missing: 0 that the kernel had no room for, and the oldest %[1]d.", f.told.Lost); !strings.Contains(f.info.Comment, want) {
		t.Errorf("%q, want %q in it", f.info.Comment, want)
	}
	if !slices.ContainsFunc(f.packets, func(p seen) bool { return assigns(p.Data()) }) {
		t.Error("pings pushed out the message of DHCP")
	}
}

func TestTheFileSaysWhatItIs(t *testing.T) {
	t.Setenv("SUDO_UID", "12345")
	t.Setenv("SUDO_GID", "23456")
	w := newWire(t)
	c := start(t, "near")
	w.mustSend(aPing(t))
	f := write(t, c,
		Host{"ns1", mac1, netip.MustParseAddr("10.77.0.10")},
		Host{"router", nil, netip.MustParseAddr("10.77.0.1")},
		Host{"ns1", mac1, netip.MustParseAddr("2001:db8::1")},
		Host{Name: "ns20", MAC: mac2},
	)
	if f.info.Application != "lanstorm v1.2" || f.info.OS != "Linux 6.12.0" || f.info.Hardware != "Raspberry Pi 5" || f.parent.Name != "near" {
		t.Errorf("%+v, on %+v", f.info, f.parent)
	}
	if f.told.File != "evidence/01-it.pcapng" || f.told.Lost != 0 || strings.Contains(f.info.Comment, "missing") {
		t.Errorf("%+v: %s", f.told, f.info.Comment)
	}
	hosts := strings.TrimSuffix(f.path, ".pcapng") + ".hosts"
	text, err := os.ReadFile(hosts)
	if err != nil {
		t.Fatal(err)
	}
	want := "10.77.0.10\tns1\t# 02:00:00:00:00:01\n10.77.0.1\trouter\t# \n2001:db8::1\tns1\t# 02:00:00:00:00:01\n# no address\tns20\t# 02:00:00:00:00:02\n"
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"&{10.77.0.10} [ns1]", "&{10.77.0.1} [router]", "&{2001:db8::1} [ns1]"}, f.names); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{f.path, hosts, filepath.Dir(hosts)} {
		var stat unix.Stat_t
		if err := unix.Stat(path, &stat); err != nil || stat.Uid != 12345 || stat.Gid != 23456 {
			t.Errorf("%s is of %d:%d (%v), want the user who called sudo", path, stat.Uid, stat.Gid, err)
		}
	}
	lines := f.tshark(t, "-N", "n")
	if !strings.Contains(strings.Join(lines, "\n"), "ns1 → router") {
		t.Errorf("tshark: %s", lines)
	}
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	w := newWire(t)
	if _, err := Start("nowhere", tester); err == nil || !strings.Contains(err.Error(), "capture on nowhere: ") {
		t.Errorf("%v, want an error that names the link", err)
	}
	c := start(t, "near")
	dir := t.TempDir()
	if _, err := c.Write(filepath.Join(dir, "gone"), "01", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that the folder is not there", err)
	}
	if err := unix.Mount("evidence", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	for range 1000 {
		w.mustSend(aPing(t))
	}
	if _, err := c.Write(dir, "01", nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v, want that the disk is full", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, Folder, "*")); left != nil {
		t.Errorf("%s is left", left)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Write(dir, "01", nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, want that it is closed", err)
	}
	if err := c.Reset(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, want that it is closed", err)
	}
}

func TestACaptureIsUsedFromManySides(t *testing.T) {
	w := newWire(t)
	c := start(t, "near")
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 10 {
				_, err := c.Write(dir, Name(i, "it"), nil)
				if err == nil && n%3 == 0 {
					err = c.Reset()
				}
				if err != nil && !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
				if i == 0 && n == 8 {
					if err := c.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 2000 {
		w.mustSend(aPing(t))
	}
	all.Wait()
}
