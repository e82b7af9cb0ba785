package lab_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// of6 is a lab in which hosts come by IPv6 addresses so.
func of6(way lab.IPv6, faults ...lab.Fault) lab.Options {
	opts := ordinary(faults...)
	opts.IPv6 = way
	return opts
}

// newDual is a machine on the LAN that speaks IPv6 as the kernel does by itself.
func newDual(t *testing.T, l *lab.Lab, name string) *host {
	t.Helper()
	return joinLAN(t, l, name, namespace.Dual)
}

// addresses are the global IPv6 addresses of the host; a deprecated one has a minus sign,
// and one that is not to be used, for another host has it, an exclamation mark.
func (h *host) addresses(t *testing.T) (all []string) {
	t.Helper()
	addrs, err := h.nl.AddrList(h.link, netlink.FAMILY_V6)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if a.Scope != unix.RT_SCOPE_UNIVERSE || a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_DADFAILED == 0 {
			continue
		}
		text := a.IPNet.String()
		if a.PreferedLft == 0 {
			text = "-" + text
		}
		if a.Flags&unix.IFA_F_DADFAILED != 0 {
			text = "!" + text
		}
		all = append(all, text)
	}
	return all
}

// awaitAddress waits until the host has an address that begins so.
func (h *host) awaitAddress(t *testing.T, prefix string) {
	t.Helper()
	eventually(t, "the host has an address of "+prefix, func() bool {
		for _, a := range h.addresses(t) {
			if strings.HasPrefix(a, prefix) {
				return true
			}
		}
		return false
	})
}

// pings6 reports whether a ping is answered, and tries for a while.
func (h *host) pings6(t *testing.T, target string) bool {
	t.Helper()
	conn := inside(t, h, func() (net.PacketConn, error) { return net.ListenPacket("ip6:ipv6-icmp", "::") })
	for i := range 10 {
		echo := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: 7, Seq: i}}
		packet, err := echo.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.WriteTo(packet, &net.IPAddr{IP: net.ParseIP(target)})
		_ = conn.SetReadDeadline(time.Now().Add(shortly))
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			if n > 0 && buf[0] == byte(ipv6.ICMPTypeEchoReply) && from.(*net.IPAddr).IP.String() == target {
				return true
			}
		}
	}
	return false
}

// asks6 asks a name server for the IPv6 address of example.test.
func (h *host) asks6(t *testing.T, server string) string {
	t.Helper()
	var conn net.Conn
	err := h.ns.Do(func() (err error) { conn, err = net.Dial("udp", net.JoinHostPort(server, "53")); return err })
	if err != nil {
		return noAnswer
	}
	defer conn.Close()
	client := dns.Client{Timeout: patience}
	resp, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion("example.test.", dns.TypeAAAA), &dns.Conn{Conn: conn})
	if err != nil || len(resp.Answer) == 0 {
		return noAnswer
	}
	return resp.Answer[0].(*dns.AAAA).AAAA.String()
}

// browses6 fetches the page over IPv6 and shows its last line.
func (h *host) browses6(t *testing.T) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
		err = h.ns.Do(func() error {
			conn, err = net.DialTimeout("tcp6", "[2001:db8:80::80]:80", patience)
			return err
		})
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://example.test/")
	if err != nil {
		return noAnswer
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return noAnswer
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	return fmt.Sprint(resp.StatusCode, " ", lines[len(lines)-1])
}

func TestAHostReachesTheInternetOverIPv6(t *testing.T) {
	l := startLab(t, ordinary())
	h := newDual(t, l, l.Parent+"-dual")
	h.awaitAddress(t, "2001:db8:77:0:")
	for _, target := range []string{"2001:db8:77::1", "2001:4860:4860::8888", "2606:4700:4700::1111"} {
		if !h.pings6(t, target) {
			t.Errorf("%s does not answer", target)
		}
	}
	for _, server := range []string{"2001:db8:77::1", "2001:4860:4860::8888"} {
		if got := h.asks6(t, server); got != "2001:db8:80::80" {
			t.Errorf("%s: %s", server, got)
		}
	}
	if got, want := h.browses6(t), healthy().Web; got != want {
		t.Errorf("the page: %s", got)
	}
}
