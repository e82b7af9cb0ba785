package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/lanstorm/lanstorm/internal/namespace"
)

// zones is everything that the name servers of the little Internet know.
const zones = `
$TTL 300
example.test.               SOA   ns.example.test. hostmaster.example.test. 1 3600 600 86400 300
example.test.               NS    ns.example.test.
example.test.               A     198.51.100.80
example.test.               AAAA  2001:db8:80::80
www.example.test.           CNAME example.test.
download.example.test.      A     198.51.100.80
download.example.test.      AAAA  2001:db8:80::80
video.example.test.         A     198.51.100.80
video.example.test.         AAAA  2001:db8:80::80
ipv4.example.test.          A     198.51.100.80
ns.example.test.            A     8.8.8.8
ns.example.test.            AAAA  2001:4860:4860::8888
100.51.198.in-addr.arpa.    SOA   ns.example.test. hostmaster.example.test. 1 3600 600 86400 300
80.100.51.198.in-addr.arpa. PTR   example.test.
8.8.8.8.in-addr.arpa.       PTR   ns.example.test.
`

// zone answers from records held in memory, by lower-case name.
type zone map[string][]dns.RR

func parseZone(text string) (zone, error) {
	z := zone{}
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		name := dns.CanonicalName(rr.Header().Name)
		z[name] = append(z[name], rr)
	}
	return z, parser.Err()
}

func (z zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	resp := new(dns.Msg).SetReply(q)
	resp.Authoritative = true
	if len(q.Question) != 1 {
		resp.Rcode = dns.RcodeFormatError
	} else if records, ok := z[dns.CanonicalName(q.Question[0].Name)]; ok {
		resp.Answer = z.match(records, q.Question[0].Qtype)
	} else {
		resp.Rcode = dns.RcodeNameError
	}
	_ = w.WriteMsg(resp) // an answer lost is the client's to ask for again
}

// match picks the records of a type, following an alias to its target.
func (z zone) match(records []dns.RR, qtype uint16) (answer []dns.RR) {
	for _, rr := range records {
		if alias, ok := rr.(*dns.CNAME); ok && qtype != dns.TypeCNAME {
			return append([]dns.RR{rr}, z.match(z[dns.CanonicalName(alias.Target)], qtype)...)
		}
		if rr.Header().Rrtype == qtype {
			answer = append(answer, rr)
		}
	}
	return answer
}

// forwarder is the router's name server: it passes every question on to the
// provider's and every answer back.
type forwarder struct {
	router   *namespace.NS
	upstream netip.AddrPort
	silent   *atomic.Bool
}

// forwardTimeout is how long the provider's server has to answer.
const forwardTimeout = 2 * time.Second

func (f forwarder) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if f.silent.Load() {
		return
	}
	resp, err := f.ask(q)
	if err != nil {
		resp = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	}
	_ = w.WriteMsg(resp)
}

func (f forwarder) ask(q *dns.Msg) (resp *dns.Msg, err error) {
	var conn *net.UDPConn
	err = f.router.Do(func() error {
		conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(f.upstream))
		return err
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := dns.Client{Timeout: forwardTimeout}
	resp, _, err = client.ExchangeWithConn(q, &dns.Conn{Conn: conn})
	return resp, err
}

// serveDNS answers at addr, over UDP and TCP, until the lab is closed.
func (l *Lab) serveDNS(ns *namespace.NS, addr netip.Addr, h dns.Handler) error {
	at, family := netip.AddrPortFrom(addr, 53).String(), "4"
	if addr.Is6() {
		family = "6"
	}
	var udp net.PacketConn
	var tcp net.Listener
	err := ns.Do(func() (err error) {
		if udp, err = net.ListenPacket("udp"+family, at); err != nil {
			return err
		}
		if tcp, err = net.Listen("tcp"+family, at); err != nil {
			udp.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("dns at %s: %w", at, err)
	}
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		select {
		case <-started: // Shutdown before this would be ignored
		case err := <-ended:
			return fmt.Errorf("dns at %s: %w", at, err)
		}
		l.defers(func() error {
			if err := s.Shutdown(); err != nil {
				return err
			}
			return <-ended
		})
	}
	return nil
}
