package netmgr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestLookup(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{}, dhcpv4.OptDomainName("example.test"))
	web := "198.51.100.80"
	for _, tt := range []struct {
		name, network, host string
		want, wantErr       string
	}{
		{name: "a name", network: "ip", host: "example.test", want: web},
		{name: "a name in full", network: "ip4", host: "example.test.", want: web},
		{name: "an alias", network: "ip", host: "www.example.test", want: web},
		{name: "a name in the client's domain", network: "ip", host: "www", want: web},
		{name: "an address", network: "ip", host: "192.0.2.7", want: "192.0.2.7"},
		{name: "an address in an IPv6 one", network: "ip", host: "::ffff:192.0.2.7", want: "192.0.2.7"},
		{
			name: "no such name", network: "ip", host: "nowhere.example.test",
			wantErr: "lookup nowhere.example.test: 10.77.0.1 says there is no such name",
		},
		{
			name: "no such name in any domain", network: "ip", host: "nowhere",
			wantErr: "lookup nowhere: 10.77.0.1 says there is no such name",
		},
		{
			name: "a name without an address", network: "ip", host: "8.8.8.8.in-addr.arpa",
			wantErr: "lookup 8.8.8.8.in-addr.arpa: 10.77.0.1 knows the name but no IPv4 address of it",
		},
		{
			name: "no name at all", network: "ip", host: strings.Repeat("a", 64) + ".test",
			wantErr: "lookup " + strings.Repeat("a", 64) + ".test: not a domain name",
		},
		{name: "an IPv6 address", network: "ip", host: "2001:db8::1", want: "2001:db8::1"},
		{name: "no IPv4 address", network: "ip4", host: "2001:db8::1", wantErr: "lookup 2001:db8::1: not an IPv4 address"},
		{
			name: "a name without an IPv6 address", network: "ip6", host: "ipv4.example.test",
			wantErr: "lookup ipv4.example.test: 10.77.0.1 knows the name but no IPv6 address of it",
		},
		{name: "no network", network: "tcp", host: "example.test", wantErr: "lookup example.test: unknown network tcp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addrs, err := c.Resolver().LookupNetIP(t.Context(), tt.network, tt.host)
			var want []netip.Addr
			if tt.want != "" {
				want = []netip.Addr{netip.MustParseAddr(tt.want)}
			}
			if diff := cmp.Diff(want, addrs, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Error(diff)
			}
			lookupError(t, err, tt.wantErr)
		})
	}
}

func lookupError(t *testing.T, err error, want string) {
	t.Helper()
	var got string
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLookupWithBrokenServers(t *testing.T) {
	none := dhcpv4.OptDNS() // an empty option 6
	for i, tt := range []struct {
		name   string
		faults []lab.Fault
		extra  []dhcpv4.Option
		dns    []netip.Addr
		want   string
	}{
		{
			name: "the router's is silent", faults: []lab.Fault{"silent-dns"},
			want: "lookup example.test: 10.77.0.1 did not answer in 4s (2 queries sent)",
		},
		{
			name: "the router's cannot reach the provider's", faults: []lab.Fault{"internet-down"},
			want: "lookup example.test: 10.77.0.1 says SERVFAIL",
		},
		{
			name: "the lease names none", extra: []dhcpv4.Option{none},
			want: "lookup example.test: the lease names no DNS server (option 6)",
		},
		{
			name: "nobody serves there", dns: []netip.Addr{netip.MustParseAddr("198.51.100.80")},
			want: "lookup example.test: 198.51.100.80 could not be asked: ",
		},
		{
			name: "nobody serves at one and the other is silent", faults: []lab.Fault{"silent-dns"},
			dns:  []netip.Addr{netip.MustParseAddr("198.51.100.80"), router},
			want: "lookup example.test: 198.51.100.80 could not be asked: ",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts := brokenLab(tt.faults...)
			opts.Extra = tt.extra
			prefix := fmt.Sprintf("dns%d-", i) // of its own: others run beside
			m := newManager(t, netmgr.Options{Parent: startLab(t, opts).Parent, Prefix: prefix, DNS: tt.dns})
			c := create(t, m, 1)[0]
			_, err := c.Resolver().LookupNetIP(t.Context(), "ip", "example.test")
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if len(tt.dns) == 2 && !strings.HasSuffix(err.Error(), "; 10.77.0.1 did not answer in 4s (2 queries sent)") {
				t.Errorf("%q does not speak of the second server", err)
			}
		})
	}
}

func TestLookupAsksTheNextServer(t *testing.T) {
	_, c := clientOf(t, netmgr.Options{DNS: []netip.Addr{netip.MustParseAddr("198.51.100.80"), googleDNS}})
	addrs, err := c.Resolver().LookupNetIP(t.Context(), "ip", "example.test")
	if err != nil || len(addrs) != 1 {
		t.Errorf("%v, %v, want the answer of the second server", addrs, err)
	}
}

func TestLookupEndsWithItsContext(t *testing.T) {
	m := newManager(t, netmgr.Options{Parent: startLab(t, brokenLab("silent-dns")).Parent})
	c := create(t, m, 1)[0]
	hurry := errors.New("somebody pressed ^C")
	patient, giveUp := context.WithCancelCause(t.Context())
	waited := make(chan error, 1)
	go func() {
		_, err := c.Resolver().LookupNetIP(patient, "ip", "example.test")
		waited <- err
	}()
	for name, after := range map[string]time.Duration{"beforehand": 0, "while it waits": 50 * time.Millisecond} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(after, func() { cancel(hurry) })
		_, err := c.Resolver().LookupNetIP(ctx, "ip", "example.test")
		lookupError(t, err, "lookup example.test: 10.77.0.1 was not waited for: somebody pressed ^C")
		if len(waited) > 0 {
			t.Errorf("%s: not before a lookup that is not cancelled", name)
		}
	}
	giveUp(hurry)
	lookupError(t, <-waited, "lookup example.test: 10.77.0.1 was not waited for: somebody pressed ^C")
}

// A name server on another client says what no sound one would.
func TestLookupWithStrangeAnswers(t *testing.T) {
	first := netip.MustParseAddr("10.77.0.10") // of the pool: the first client gets it
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent, DNS: []netip.Addr{first, googleDNS}})
	server := create(t, m, 1)[0]
	if server.Lease().Address.Addr() != first {
		t.Fatalf("the first client has %s, want %s", server.Lease().Address, first)
	}
	client := create(t, m, 1)[1]

	record := func(text string) dns.RR {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	answers := map[string]func(resp *dns.Msg, overTCP bool){
		"empty.test.": func(resp *dns.Msg, _ bool) {
			resp.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "empty.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}}}
		},
		"half-empty.test.": func(resp *dns.Msg, _ bool) {
			resp.Answer = []dns.RR{
				&dns.A{Hdr: dns.RR_Header{Name: "half-empty.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}},
				record("half-empty.test. A 192.0.2.7"),
			}
		},
		"six.test.":     func(resp *dns.Msg, _ bool) { resp.Answer = []dns.RR{record("six.test. AAAA 2001:db8::1")} },
		"refused.test.": func(resp *dns.Msg, _ bool) { resp.Rcode = dns.RcodeRefused },
		"long.test.": func(resp *dns.Msg, overTCP bool) {
			if resp.Truncated = !overTCP; overTCP {
				resp.Answer = []dns.RR{record("long.test. A 192.0.2.8")}
			}
		},
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		resp := new(dns.Msg).SetReply(q)
		if answer, ok := answers[q.Question[0].Name]; ok {
			answer(resp, w.LocalAddr().Network() == "tcp")
		} else {
			resp.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(resp)
	})
	udp, err := server.ListenPacket("udp4", ":53")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: listen(t, server, ":53"), Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}

	for _, tt := range []struct{ host, want, wantErr string }{
		{host: "empty.test", wantErr: "lookup empty.test: 10.77.0.10 knows the name but no IPv4 address of it; 8.8.8.8 says there is no such name"},
		{host: "half-empty.test", want: "192.0.2.7"},
		{host: "six.test", wantErr: "lookup six.test: 10.77.0.10 knows the name but no IPv4 address of it; 8.8.8.8 says there is no such name"},
		{host: "refused.test", wantErr: "lookup refused.test: 10.77.0.10 says REFUSED; 8.8.8.8 says there is no such name"},
		{host: "long.test", want: "192.0.2.8"},
		// The second server knows it, but is not asked: the first has answered.
		{host: "example.test", wantErr: "lookup example.test: 10.77.0.10 says there is no such name"},
	} {
		t.Run(tt.host, func(t *testing.T) {
			addrs, err := client.Resolver().LookupNetIP(t.Context(), "ip", tt.host)
			var want []netip.Addr
			if tt.want != "" {
				want = []netip.Addr{netip.MustParseAddr(tt.want)}
			}
			if diff := cmp.Diff(want, addrs, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Error(diff)
			}
			lookupError(t, err, tt.wantErr)
		})
	}
}

// A name server on another client is asked over IPv6, for both families.
func TestLookupOverIPv6(t *testing.T) {
	const address = "2001:db8::53"
	m := newManager(t, netmgr.Options{Parent: startLab(t, labOptions()).Parent, DNS: []netip.Addr{netip.MustParseAddr(address)}})
	clients := create(t, m, 2)
	server, client := clients[0], clients[1]
	var zone string // of the client
	for c, own := range map[*netmgr.Client]string{server: address, client: "2001:db8::10"} {
		for _, key := range []string{"accept_dad", "disable_ipv6"} {
			setSysctl(t, c.Name, "net/ipv6/conf/"+c.Link+"/"+key, "0")
		}
		h := handle(t, c.Name)
		lan := link(t, h, c.Link)
		for _, text := range []string{own + "/64", strings.Replace(own, "2001:db8", "fe80", 1) + "/64"} {
			addr, _ := netlink.ParseAddr(text)
			if err := h.AddrReplace(lan, addr); err != nil {
				t.Fatal(err)
			}
		}
		if c == client {
			zone = strconv.Itoa(lan.Attrs().Index)
		}
	}
	answers := map[string]map[uint16]string{ // to a type: records, or a code
		"both.test.":   {dns.TypeA: "A 192.0.2.7", dns.TypeAAAA: "AAAA 2001:db8::7"},
		"four.test.":   {dns.TypeA: "A 192.0.2.7", dns.TypeAAAA: "SERVFAIL"},
		"six.test.":    {dns.TypeAAAA: "AAAA 2001:db8::7"},
		"wrong.test.":  {dns.TypeA: "AAAA 2001:db8::7", dns.TypeAAAA: "A 192.0.2.7"},
		"broken.test.": {dns.TypeAAAA: "SERVFAIL"},
	}
	udp, err := server.ListenPacket("udp6", ":53")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: udp, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		resp := new(dns.Msg).SetReply(q)
		records, known := answers[q.Question[0].Name]
		switch text := records[q.Question[0].Qtype]; {
		case !known:
			resp.Rcode = dns.RcodeNameError
		case text == "SERVFAIL":
			resp.Rcode = dns.RcodeServerFailure
		case text != "":
			rr, err := dns.NewRR(q.Question[0].Name + " " + text)
			if err != nil {
				t.Error(err)
			}
			resp.Answer = []dns.RR{rr}
		}
		_ = w.WriteMsg(resp)
	})}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go s.ActivateAndServe()
	<-started
	t.Cleanup(func() { s.Shutdown() })

	for _, tt := range []struct{ host, want, wantErr string }{
		{"both.test.", "[2001:db8::7 192.0.2.7]", ""},
		{"four.test.", "[192.0.2.7]", ""},
		{"six.test.", "[2001:db8::7]", ""},
		{"wrong.test.", "[]", "2001:db8::53 knows the name but no IPv4 or IPv6 address of it"},
		{"broken.test.", "[]", "2001:db8::53 says SERVFAIL (AAAA) and knows the name but no IPv4 address of it (A)"},
		{"none.test.", "[]", "2001:db8::53 says there is no such name"},
	} {
		t.Run(tt.host, func(t *testing.T) {
			addrs, err := netmgr.LookupBoth(t.Context(), client, tt.host)
			if diff := cmp.Diff(tt.want, fmt.Sprint(addrs)); diff != "" {
				t.Error(diff)
			}
			lookupError(t, err, tt.wantErr)
		})
	}
	for _, network := range []string{"udp", "udp6", "tcp", "tcp6"} {
		for _, host := range []string{address, "fe80::53%" + zone} {
			conn, err := client.DialContext(t.Context(), network, net.JoinHostPort(host, "53"))
			switch {
			case err == nil:
				conn.Close()
			case !strings.HasPrefix(network, "tcp") || !errors.Is(err, unix.ECONNREFUSED): // by the server, which is there
				t.Error(err)
			}
		}
	}
}
