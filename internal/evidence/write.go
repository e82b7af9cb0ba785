package evidence

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Folder is where captures are in the folder of a run.
const Folder = "evidence"

// Host is a name by which readers of a capture know an address. One without an
// IP address is known by its MAC address alone.
type Host struct {
	Name string
	MAC  net.HardwareAddr // nil: not known
	Addr netip.Addr
}

// Name is how the files of a scenario are called: by its number in the run and
// by what is left of its own name in ASCII.
func Name(number int, scenario string) string {
	const most = 60 // bytes
	words := strings.FieldsFunc(strings.ToLower(scenario), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	slug := fmt.Sprintf("%02d-%s", number, strings.Join(words, "-"))
	return strings.TrimRight(slug[:min(len(slug), most)], "-")
}

// Write writes what was captured since Reset into the folder of a run:
// evidence/<name>.pcapng, and evidence/<name>.hosts with the hosts, as Wireshark
// reads it from a profile's folder and tshark by -H. The pcapng has them, too.
func (c *Capture) Write(dir, name string, hosts []Host) (*record.Evidence, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, os.ErrClosed
	}
	c.take()
	c.count()
	slices.SortStableFunc(c.ring.packets, func(a, b packet) int { return cmp.Compare(a.time, b.time) })
	e := &record.Evidence{File: filepath.Join(Folder, name+".pcapng"), Packets: len(c.ring.packets), Lost: c.dropped + c.ring.lost}
	err := record.WriteStream(dir, e.File, func(w io.Writer) error { return c.write(w, e, hosts) })
	if err == nil {
		err = record.WriteFile(dir, filepath.Join(Folder, name+".hosts"), hostsFile(hosts))
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

func (c *Capture) write(to io.Writer, e *record.Evidence, hosts []Host) error {
	comment := fmt.Sprintf("DHCP, DHCPv6, ARP, ICMP, ICMPv6, DNS, and SYN, FIN and RST of TCP connections, as seen on %s. "+
		"Of ICMP and TCP the first %d bytes.", c.parent, head)
	if e.Lost > 0 {
		comment += fmt.Sprintf(" %d packets are missing: %d that the kernel had no room for, and the oldest %d.", e.Lost, c.dropped, c.ring.lost)
	}
	w, err := pcapgo.NewNgWriterInterface(to,
		pcapgo.NgInterface{Name: c.parent, LinkType: layers.LinkTypeEthernet},
		pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
			Hardware: c.tester.Machine, OS: "Linux " + c.tester.Kernel, Application: "lanstorm " + c.tester.Lanstorm, Comment: comment,
		}})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil { // before what pcapgo does not write
		return err
	}
	if _, err := to.Write(nameBlock(hosts)); err != nil {
		return err
	}
	var flags pcapgo.NgEpbFlags
	for _, p := range c.ring.packets {
		flags.Direction = pcapgo.NgEpbFlagDirectionInbound
		if p.out {
			flags.Direction = pcapgo.NgEpbFlagDirectionOutbound
		}
		info := gopacket.CaptureInfo{Timestamp: time.Unix(0, p.time), CaptureLength: len(p.data), Length: int(p.length)}
		if err := w.WritePacketWithOptions(info, p.data, pcapgo.NgPacketOptions{Flags: &flags}); err != nil {
			return err
		}
	}
	err = w.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{
		LastUpdate: time.Now(), PacketsReceived: uint64(e.Packets + e.Lost), PacketsDropped: uint64(e.Lost),
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// nameBlock is the Name Resolution Block of pcapng
// (draft-ietf-opsawg-pcapng §4.5).
func nameBlock(hosts []Host) []byte {
	const block, ipv4, ipv6 = 4, 1, 2
	le := binary.LittleEndian
	var records []byte
	for _, h := range hosts {
		if !h.Addr.IsValid() {
			continue
		}
		kind := uint16(ipv4)
		if h.Addr.Is6() {
			kind = ipv6
		}
		record := append(h.Addr.AsSlice(), h.Name+"\x00"...)
		records = le.AppendUint16(records, kind)
		records = le.AppendUint16(records, uint16(len(record)))
		records = append(records, record...)
		records = append(records, make([]byte, -len(record)&3)...)
	}
	records = append(records, 0, 0, 0, 0)
	length := uint32(12 + len(records))
	b := le.AppendUint32(le.AppendUint32(nil, block), length)
	return le.AppendUint32(append(b, records...), length)
}

// hostsFile is in the form of hosts(5). Who has no address is told in a comment.
func hostsFile(hosts []Host) []byte {
	var b bytes.Buffer
	for _, h := range hosts {
		address := "# no address"
		if h.Addr.IsValid() {
			address = h.Addr.String()
		}
		fmt.Fprintf(&b, "%s\t%s\t# %s\n", address, h.Name, h.MAC)
	}
	return b.Bytes()
}
