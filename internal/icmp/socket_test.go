package icmp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// dual is a namespace in which addresses need no proof that they are unique.
func dual(tb testing.TB, name string) (*namespace.NS, *netlink.Handle) {
	tb.Helper()
	nstest.Need(tb)
	ns, err := namespace.CreateMarked(name, "", namespace.Dual)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := ns.Delete(); err != nil {
			tb.Error(err)
		}
	})
	h, err := ns.Netlink()
	if err == nil {
		tb.Cleanup(h.Close)
		err = ns.SetSysctl("net/ipv6/conf/default/accept_dad", "0")
	}
	if err != nil {
		tb.Fatal(err)
	}
	return ns, h
}

// alone is a client with nothing but a loopback interface, which it pings.
func alone(tb testing.TB, name string) Client {
	tb.Helper()
	ns, h := dual(tb, name)
	if err := h.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}); err != nil {
		tb.Fatal(err)
	}
	return Client{Name: name, NS: ns, Target: icmp4.self}
}

// prepared is a prober whose sockets are open.
func prepared(tb testing.TB, p Ping, clients ...Client) *prober {
	tb.Helper()
	r := newProber(p.withDefaults(), clients)
	tb.Cleanup(r.close)
	r.open()
	if len(r.able) != len(clients) {
		tb.Fatal(r.broken, r.all[0].err)
	}
	r.awaitStamps()
	r.drain(new(reader))
	return r
}

func TestOverflowsAreCounted(t *testing.T) {
	client := alone(t, "alone")
	for _, client.Target = range []netip.Addr{icmp4.self, icmp6.self} {
		t.Run(client.Target.String(), func(t *testing.T) { testOverflows(t, client) })
	}
}

func testOverflows(t *testing.T, client Client) {
	const requests = 100
	r := prepared(t, Ping{Count: requests, Interval: ms, Timeout: 50 * ms}, client)
	c := r.all[0]
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil { // the kernel's least
		t.Fatal(err)
	}
	r.run(t.Context()) // which reads now and then
	time.Sleep(r.Timeout)
	res := r.result(t.Context())
	// A full socket also counts what its filter would have refused: on a
	// loopback interface the requests themselves.
	l := res.Clients[0]
	if lost := l.Sent - l.Received; l.Sent != requests || lost == 0 || res.Overflows < lost || res.Overflows > 2*lost {
		t.Errorf("%d sent, %d received, %d overflows", l.Sent, l.Received, res.Overflows)
	}
}

// With more packets waiting than its qdisc may hold, a link refuses more.
func TestAFullSendQueueIsNotLoss(t *testing.T) {
	c := alone(t, "alone")
	h, err := c.NS.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	crawl := func(bytesPerSecond uint64) {
		t.Helper()
		err := h.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: 1, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       bytesPerSecond,
			Buffer:     uint32(netlink.Xmittime(bytesPerSecond, 300)), // bytes that may leave at once
			Limit:      300,
		})
		if err != nil {
			t.Skipf("this kernel has no token bucket filter: %v", err)
		}
	}
	crawl(1e8)
	r := prepared(t, Ping{Count: 50, Interval: ms, Timeout: 5 * time.Second}, c)
	crawl(20000) // of 98 bytes, and 98 for the reply
	r.run(t.Context())
	res := r.result(t.Context())
	t.Logf("%d times there was no place in the queue", res.NoBuffers)
	if l := res.Clients[0]; res.NoBuffers == 0 || l.Sent != 50 || l.Asked != 50 {
		t.Errorf("%d sent, %d received, %d asked, %d times no place: %s", l.Sent, l.Received, l.Asked, res.NoBuffers, l.Reason)
	}
}

func TestWhatCannotBeSentIsTheTesters(t *testing.T) {
	r := prepared(t, Ping{Count: 2, Interval: ms, Timeout: 50 * ms}, alone(t, "alone"))
	c := r.all[0]
	// A socket that is not for ICMP any more: sends fail, at once.
	unix.Close(c.fd)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil || fd != c.fd {
		t.Fatalf("descriptor %d, not %d (%v)", fd, c.fd, err)
	}
	r.run(t.Context())
	res := r.result(t.Context())
	l := res.Clients[0]
	if want := "tester: 2 of 2 requests could not be sent: "; l.Sent != 0 || l.Asked != 2 || l.Loss() != 100 || !strings.HasPrefix(l.Reason, want) {
		t.Errorf("%d sent of %d, loss %v %%: %s", l.Sent, l.Asked, l.Loss(), l.Reason)
	}
}

// Replies that nobody asked for come to the socket like any.
func TestForgedReplies(t *testing.T) {
	client := alone(t, "alone")
	r := prepared(t, Ping{Count: 3, Interval: ms}, client)
	r.run(t.Context())
	forger, err := client.open(r.echo.id + 1)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(forger)
	forge := func(from string, e echo, seq uint32) {
		t.Helper()
		packet := echoReply(t, e, seq, 0, nil)[ipv4.HeaderLen:]
		control := unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: netip.MustParseAddr(from).As4()})
		if err := unix.Sendmsg(forger, packet, control, &unix.SockaddrInet4{Addr: icmp4.self.As4()}, 0); err != nil {
			t.Fatal(err)
		}
	}
	stranger, neighbour := r.echo, r.echo
	stranger.token[0]++
	neighbour.id++
	forge("127.0.0.1", r.echo, 1) // a duplicate
	forge("127.0.0.1", r.echo, 1)
	forge("127.0.0.1", r.echo, 7) // of what was never sent
	forge("127.0.0.2", r.echo, 2) // from somebody else
	forge("127.0.0.1", stranger, 2)
	forge("127.0.0.1", neighbour, 2)
	r.drain(new(reader))
	l := r.result(t.Context()).Clients[0]
	if l.Sent != 3 || l.Received != 3 || l.Duplicates != 2 || l.Late != 0 || l.RTT.Count() != 3 {
		t.Errorf("%+v", l)
	}
}

func TestEachRequestIsSeenToLeave(t *testing.T) {
	client := alone(t, "alone")
	for _, client.Target = range []netip.Addr{icmp4.self, icmp6.self} {
		t.Run(client.Target.String(), func(t *testing.T) {
			r := prepared(t, Ping{Count: 5, Interval: ms}, client)
			r.run(t.Context())
			for i, q := range r.all[0].flight.requests {
				if q.left < q.sent.wall || q.state != answered {
					t.Errorf("request %d was sent at %d and left at %d", i, q.sent.wall, q.left)
				}
			}
			if res := r.result(t.Context()); res.RTT.Count() != 5 || res.Unstamped > 0 {
				t.Errorf("%d RTTs, %d not stamped", res.RTT.Count(), res.Unstamped)
			}
		})
	}
}

func TestWhoHasNoTargetSaysWhy(t *testing.T) {
	clients := []Client{{Name: "ns1", Err: errors.New("on strike")}}
	if l := ProbeAll(t.Context(), clients, Ping{}); l.Sent() != 0 || l.Loss() != 100 || l.Clients[0].Reason != "on strike" {
		t.Errorf("%+v", l)
	}
	if r, _ := PingAll(t.Context(), clients, Ping{}); r[0].Sent != 0 || r[0].Loss() != 100 || r[0].Reason != "on strike" {
		t.Errorf("%+v", r)
	}
}

// BenchmarkProbe pings from 100 clients, 10 times each within a second.
func BenchmarkProbe(b *testing.B) {
	var clients []Client
	for i := range 100 {
		clients = append(clients, alone(b, fmt.Sprint("alone", i)))
	}
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	var res Latency
	for b.Loop() {
		r := newProber(Ping{Count: 10, Interval: 100 * ms}.withDefaults(), clients)
		r.open()
		r.run(b.Context())
		res = r.result(b.Context())
		r.close()
	}
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	if res.Received() != 1000 {
		b.Errorf("%d replies", res.Received())
	}
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/1e3/float64(b.N)/1000, "cpu-µs/request")
	b.ReportMetric(float64(res.RTT.P99())/1e3, "p99-µs")
	b.ReportMetric(float64(res.SendDelay.P99())/1e3, "delay-p99-µs")
}
