package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture is a tcpdump(8), a process of its own, that writes down what is on a
// link as somebody saw it who has nothing to do with lanstorm.
type capture struct {
	cmd  *exec.Cmd
	file *os.File
	said *bufio.Reader
}

// flushTime is how long packets may wait for tcpdump in a block of its ring that
// is not full (packet_mmap.rst); once interrupted it leaves them there.
const flushTime = 1500 * time.Millisecond

// startCapture returns when tcpdump listens for what filter lets through.
func startCapture(ctx context.Context, link, filter string) (*capture, error) {
	// AppArmor lets tcpdump write to such names alone on some systems.
	file, err := os.CreateTemp("", "lanstorm-bench-*.pcap")
	if err != nil {
		return nil, err
	}
	// Whole pings, nanoseconds, and a buffer (of 64 MB) in which a minute of them has room.
	cmd := exec.CommandContext(ctx, "tcpdump", "-i", link, "--nano", "-n", "-p", "-s", "128", "-B", "65536", "-w", "-", filter)
	cmd.Stdout = file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the terminal is not for it
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	c := &capture{cmd, file, bufio.NewReader(stderr)}
	for said := ""; err == nil; {
		var line string
		line, err = c.said.ReadString('\n')
		if said += line; strings.Contains(line, "listening on") {
			return c, nil
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", cmd.Wait(), strings.TrimSpace(said))
		}
	}
	c.discard()
	return nil, fmt.Errorf("tcpdump: %w", err)
}

func (c *capture) discard() {
	c.file.Close()
	_ = os.Remove(c.file.Name())
}

// packet is an Ethernet frame, and a message of ICMP in it if there is one.
type packet struct {
	at       time.Time
	ethernet layers.Ethernet
	ip       layers.IPv4
	icmp     *layers.ICMPv4
}

// stop ends the capture and has what it saw read, one packet after the other. It
// returns what tcpdump said in the end.
func (c *capture) stop(read func(packet)) (said string, err error) {
	defer c.discard()
	time.Sleep(flushTime)
	_ = c.cmd.Process.Signal(os.Interrupt)
	text, _ := io.ReadAll(c.said)
	if err := c.cmd.Wait(); err != nil {
		return "", fmt.Errorf("tcpdump: %w: %s", err, text)
	}
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return string(text), readPackets(bufio.NewReader(c.file), read)
}

func readPackets(r io.Reader, read func(packet)) error {
	file, err := pcapgo.NewReader(r)
	if err != nil {
		return fmt.Errorf("what tcpdump wrote: %w", err)
	}
	var p packet
	var icmp layers.ICMPv4
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &p.ethernet, &p.ip, &icmp)
	parser.IgnoreUnsupported = true
	var found []gopacket.LayerType
	for {
		data, info, err := file.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("what tcpdump wrote: %w", err)
		}
		_ = parser.DecodeLayers(data, &found) // of a broken packet less is found
		if len(found) == 0 {
			continue
		}
		p.at, p.icmp = info.Timestamp, nil
		if slices.Contains(found, layers.LayerTypeICMPv4) {
			p.icmp = &icmp
		}
		read(p)
	}
}
