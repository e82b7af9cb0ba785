package icmp

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Control is what this machine itself saw of a target over another link than the
// clients'.
type Control struct {
	Link           string
	Target         netip.Addr
	Sent, Received int
}

func (c Control) String() string {
	return fmt.Sprintf("meanwhile over %s: %d replies to %d pings to %s", c.Link, c.Received, c.Sent, c.Target)
}

// PingOver pings target over a link of this machine, once each interval until ctx
// ends, and then waits for replies. The error is one of this machine.
func PingOver(ctx context.Context, link string, target netip.Addr, interval, timeout time.Duration) (Control, error) {
	c := Control{Link: link, Target: target}
	conn, err := listenOver(link)
	if err != nil {
		return c, fmt.Errorf("ping over %s: %w", link, err)
	}
	defer conn.Close()
	id := os.Getpid() & 0xffff
	seen := map[int]bool{}
	var wg sync.WaitGroup
	wg.Go(func() { // until the deadline
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			m, err := icmp.ParseMessage(1, buf[:n])
			if err != nil || m.Type != ipv4.ICMPTypeEchoReply || from.String() != target.String() {
				continue
			}
			if e, ok := m.Body.(*icmp.Echo); ok && e.ID == id {
				seen[e.Seq] = true
			}
		}
	})
	var unsent error
	for ; ctx.Err() == nil; c.Sent++ {
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id, Seq: c.Sent & 0xffff}}
		request, err := m.Marshal(nil)
		if err == nil {
			_, err = conn.WriteTo(request, &net.IPAddr{IP: target.AsSlice()})
		}
		unsent = cmp.Or(unsent, err)
		_ = packets.Pause(ctx, interval)
	}
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	wg.Wait()
	c.Received = len(seen)
	if unsent != nil && c.Received == 0 {
		return c, fmt.Errorf("ping over %s: %w", link, unsent)
	}
	return c, nil
}

// listenOver opens an ICMP socket that sends and hears over one link.
func listenOver(link string) (net.PacketConn, error) {
	fd, err := openRaw(ipv4.ICMPTypeEchoReply)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), link)
	defer f.Close()
	if err := unix.BindToDevice(fd, link); err != nil {
		return nil, err
	}
	return net.FilePacketConn(f)
}
