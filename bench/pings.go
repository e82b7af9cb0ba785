package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Pings are those that a capture has seen.
type Pings struct {
	Requests int
	Span     time.Duration   // from the first request to the last
	RTTs     []time.Duration // of those with a reply, the shortest first
	Missed   int             // packets that the capture lost

	first time.Time
	open  map[ping]time.Time // when it was last sent; zero: answered
}

// ping is an echo request (RFC 792), as its sender and its reply call it.
type ping struct {
	client, target netip.Addr
	id, seq        uint16
}

// see takes a packet down. A request that comes twice counts once, from the later
// time on; a reply that nobody asked for, not at all.
func (p *Pings) see(packet packet) {
	if packet.icmp == nil {
		return
	}
	from, _ := netip.AddrFromSlice(packet.ip.SrcIP)
	to, _ := netip.AddrFromSlice(packet.ip.DstIP)
	switch packet.icmp.TypeCode.Type() {
	case layers.ICMPv4TypeEchoRequest:
		this := ping{from, to, packet.icmp.Id, packet.icmp.Seq}
		if _, again := p.open[this]; !again {
			p.Requests++
		}
		if p.first.IsZero() {
			p.first, p.open = packet.at, map[ping]time.Time{}
		}
		p.open[this], p.Span = packet.at, packet.at.Sub(p.first)
	case layers.ICMPv4TypeEchoReply:
		this := ping{to, from, packet.icmp.Id, packet.icmp.Seq}
		if sent := p.open[this]; !sent.IsZero() {
			p.open[this] = time.Time{}
			p.RTTs = append(p.RTTs, packet.at.Sub(sent))
		}
	}
}

var missedLine = regexp.MustCompile(`(?m)^(\d+) packets? dropped by kernel`)

// missed is how many packets tcpdump says that it lost.
func missed(said string) (n int) {
	if m := missedLine.FindStringSubmatch(said); m != nil {
		n, _ = strconv.Atoi(m[1])
	}
	return n
}

// pings ends a capture of ICMP.
func (c *capture) pings() (p Pings, err error) {
	said, err := c.stop(p.see)
	p.Missed = missed(said)
	slices.Sort(p.RTTs)
	return p, err
}

// P99 is a time that 99 of 100 do not exceed, as in netmgr.Distribution; zero when
// there are none.
func (p Pings) P99() time.Duration {
	if len(p.RTTs) == 0 {
		return 0
	}
	return p.RTTs[max(0, int(math.Ceil(0.99*float64(len(p.RTTs))))-1)]
}

// pingBoth has every client ping the router and the Internet once, side by side,
// under a capture. All pings are to be sent within a second, and the sockets for
// one target are open a little earlier than those for the other.
func pingBoth(ctx context.Context, l *lab.Lab, m *netmgr.NetworkManager) (seen Pings, err error) {
	c, err := startCapture(ctx, l.Parent, "icmp")
	if err != nil {
		return seen, err
	}
	var all sync.WaitGroup
	var lost [2]error
	for i, target := range []netmgr.Target{netmgr.Gateway, netmgr.Host(netip.MustParseAddr("8.8.8.8"))} {
		all.Go(func() {
			p := m.ProbeAll(ctx, target, netmgr.Ping{Count: 1, Interval: 900 * time.Millisecond, Timeout: 2 * time.Second})
			if n := len(p.Clients) - p.Received(); n > 0 {
				worst := p.Worst(1)[0]
				lost[i] = fmt.Errorf("%d of %d clients had no reply from %s, %s among them: %s", n, len(p.Clients), worst.Target, worst.Client, worst.Reason)
			}
		})
	}
	all.Wait()
	seen, err = c.pings()
	return seen, errors.Join(err, lost[0], lost[1])
}
