package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture is a tcpdump(8), a process of its own, that writes down the pings on
// a link as somebody saw them who has nothing to do with lanstorm.
type capture struct {
	cmd  *exec.Cmd
	file *os.File
	said bytes.Buffer  // after it was ready
	read chan struct{} // closed when it has said all
}

const (
	captureStart = 5 * time.Second  // how long tcpdump may take to begin
	captureEnd   = 10 * time.Second // and to write the rest

	// flushTime is how long packets may wait for tcpdump in a block of its ring
	// that is not full (packet_mmap.rst); once interrupted it leaves them there.
	flushTime = 1500 * time.Millisecond
)

// startCapture returns when tcpdump listens for what filter lets through.
func startCapture(ctx context.Context, link, filter string) (_ *capture, err error) {
	c := &capture{read: make(chan struct{})}
	// AppArmor lets tcpdump write to such names alone on some systems.
	if c.file, err = os.CreateTemp("", "lanstorm-bench-*.pcap"); err != nil {
		return nil, err
	}
	// Whole pings, nanoseconds, and a buffer (of 64 MB) in which a minute of them has room.
	c.cmd = exec.Command("tcpdump", "-i", link, "--nano", "-n", "-p", "-s", "128", "-B", "65536", "-w", "-", filter)
	c.cmd.Stdout = c.file
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	stderr, err := c.cmd.StderrPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		c.discard()
		return nil, fmt.Errorf("tcpdump: %w", err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(c.read)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "listening on") {
				close(ready)
				break
			}
			fmt.Fprintln(&c.said, lines.Text())
		}
		for lines.Scan() {
			fmt.Fprintln(&c.said, lines.Text())
		}
	}()
	select {
	case <-ready:
		return c, nil
	case <-c.read:
		err = fmt.Errorf("ended at once: %s", strings.TrimSpace(c.said.String()))
	case <-time.After(captureStart):
		err = fmt.Errorf("not ready after %s", captureStart)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	_ = c.cmd.Process.Kill()
	<-c.read
	_ = c.cmd.Wait()
	c.discard()
	return nil, fmt.Errorf("tcpdump: %w", err)
}

// stop ends the capture and reads the pings that were captured.
func (c *capture) stop() (seen sightings, err error) {
	err = c.end(func(r io.Reader) (err error) {
		seen, err = readSightings(r)
		return err
	})
	seen.Dropped = dropped(c.said.String())
	return seen, err
}

// end ends the capture and has what was captured read.
func (c *capture) end(read func(io.Reader) error) error {
	defer c.discard()
	time.Sleep(flushTime)
	_ = c.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(captureEnd, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	<-c.read
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("tcpdump: %w: %s", err, strings.TrimSpace(c.said.String()))
	}
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := read(c.file); err != nil {
		return fmt.Errorf("what tcpdump wrote: %w", err)
	}
	return nil
}

func (c *capture) discard() {
	c.file.Close()
	_ = os.Remove(c.file.Name())
}

var droppedLine = regexp.MustCompile(`(?m)^(\d+) packets? dropped by kernel`)

// dropped is how many packets tcpdump says that it missed.
func dropped(said string) int {
	if m := droppedLine.FindStringSubmatch(said); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// sightings are the pings that a capture shows.
type sightings struct {
	Requests    int
	First, Last time.Time       // requests
	RTTs        []time.Duration // of those with a reply, the shortest first
	Dropped     int             // packets that the capture missed
}

// ping is an echo request (RFC 792), as its sender and its reply call it.
type ping struct {
	client, target netip.Addr
	id, seq        uint16
}

// readSightings reads a capture file. A request that comes twice counts once,
// from the later time on; a reply that nobody asked for, not at all.
func readSightings(r io.Reader) (s sightings, err error) {
	file, err := pcapgo.NewReader(bufio.NewReader(r))
	if err != nil {
		return s, err
	}
	if file.LinkType() != layers.LinkTypeEthernet {
		return s, fmt.Errorf("link type %s, want Ethernet", file.LinkType())
	}
	var ethernet layers.Ethernet
	var ip layers.IPv4
	var icmp layers.ICMPv4
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &ethernet, &ip, &icmp)
	parser.IgnoreUnsupported = true
	var decoded []gopacket.LayerType
	open := map[ping]time.Time{}
	answered := map[ping]bool{}
	for {
		data, info, err := file.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, err
		}
		if parser.DecodeLayers(data, &decoded) != nil || !slices.Contains(decoded, layers.LayerTypeICMPv4) {
			continue
		}
		from, _ := netip.AddrFromSlice(ip.SrcIP)
		to, _ := netip.AddrFromSlice(ip.DstIP)
		switch icmp.TypeCode.Type() {
		case layers.ICMPv4TypeEchoRequest:
			p := ping{from, to, icmp.Id, icmp.Seq}
			if _, again := open[p]; !again && !answered[p] {
				s.Requests++
			}
			open[p] = info.Timestamp
			if s.First.IsZero() {
				s.First = info.Timestamp
			}
			s.Last = info.Timestamp
		case layers.ICMPv4TypeEchoReply:
			p := ping{to, from, icmp.Id, icmp.Seq}
			if sent, ok := open[p]; ok {
				delete(open, p)
				answered[p] = true
				s.RTTs = append(s.RTTs, info.Timestamp.Sub(sent))
			}
		}
	}
	slices.Sort(s.RTTs)
	return s, nil
}

// quantile is a time that a share q of all times do not exceed, as in
// netmgr.Distribution; zero when there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
