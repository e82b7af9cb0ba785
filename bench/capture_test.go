package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

const (
	a, b, router = "10.64.0.10", "10.64.0.11", "10.64.0.1"
	begin        = 1767323045 * time.Second
)

// film is what tcpdump might write, with times since begin.
type film struct{ strings.Builder }

func (f *film) packet(at time.Duration, mac, text string) {
	at += begin
	fmt.Fprintf(f, "%d.%09d %s > ff:ff:ff:ff:ff:ff, ethertype IPv4 (0x0800), length 98: %s\n", at/time.Second, at%time.Second, mac, text)
}

func (f *film) icmp(at time.Duration, kind, from, to string, id, seq int) {
	f.packet(at, "02:00:00:00:00:01", fmt.Sprintf("%s > %s: ICMP echo %s, id %d, seq %d, length 64", from, to, kind, id, seq))
}

func TestRequestsMeetTheirReplies(t *testing.T) {
	const request, reply = "request", "reply"
	var f film
	f.icmp(0, request, a, router, 1, 0)
	f.icmp(100, request, b, router, 1, 0)    // the same numbers, another client
	f.icmp(200, request, a, "8.8.8.8", 1, 0) // another target
	f.icmp(30000, reply, router, b, 1, 0)    // not in order
	f.icmp(40001, reply, router, a, 1, 0)    //
	f.icmp(40002, reply, router, a, 1, 0)    // a duplicate
	f.icmp(50000, reply, router, a, 2, 0)    // nobody asked
	f.icmp(60000, request, a, router, 1, 1)  // lost, and
	f.icmp(70000, request, a, router, 1, 1)  // sent again
	f.icmp(75000, reply, router, a, 1, 1)    //
	f.icmp(80000, request, b, router, 1, 1)  // never answered
	f.packet(90000, "02:00:00:00:00:02", router+" > "+b+": ICMP host 8.8.8.8 unreachable, length 92")
	f.packet(95000, "02:00:00:00:00:02", "Request who-has 10.64.0.1 tell 10.64.0.10, length 28")
	f.WriteString("1767323045.000099000 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype IPv4 (0x0800), length 98: " + b + " > 8.8.8.8: ICMP echo req\n") // cut off
	f.WriteString("3 packets captured\n5 packets received by filter\n2 packets dropped by kernel\n")
	want := Pings{Requests: 5, Replies: 3, Span: 80000, P99: 40001, Lost: 2}
	if diff := cmp.Diff(want, pingsIn(f.String())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestACaptureOfNothing(t *testing.T) {
	const text = "listening on lab0, link-type EN10MB (Ethernet), snapshot length 128 bytes\n0 packets captured\n0 packets dropped by kernel\n"
	for _, text := range []string{"", text} {
		if got := pingsIn(text); got != (Pings{}) {
			t.Errorf("%q: %+v", text, got)
		}
		if n, span := askers(text); n != 0 || span != 0 {
			t.Errorf("%q: %d clients within %s", text, n, span)
		}
	}
}

func TestAStormIsSeen(t *testing.T) {
	var f film
	dhcp := func(at time.Duration, client int) {
		f.packet(at, fmt.Sprintf("02:00:00:00:00:%02x", client), "0.0.0.0.68 > 255.255.255.255.67: BOOTP/DHCP, Request, length 300")
	}
	dhcp(10, 1)
	dhcp(30, 2)
	dhcp(50, 1) // again
	dhcp(90, 3)
	dhcp(200, 2)
	if n, span := askers(f.String()); n != 3 || span != 80 {
		t.Errorf("%d clients within %d ns; want 3 within 80", n, span)
	}
}

func TestP99(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 1, 99: 99, 100: 99, 101: 100, 200: 198} {
		var f film
		for i := range n {
			at := time.Duration(i) * time.Second
			f.icmp(at, "request", a, router, 1, i)
			f.icmp(at+time.Duration(n-i), "reply", router, a, 1, i)
		}
		if got := pingsIn(f.String()); got.P99 != want || got.Replies != n {
			t.Errorf("of %d: %+v, want %d", n, got, want)
		}
	}
}

// inLab calls do in a session with a lab, which must leave nothing behind.
func inLab(t *testing.T, do func(*bench.Session, *lab.Lab) error) {
	t.Helper()
	nstest.Need(t)
	s := &bench.Session{Mode: "bridge", Repeat: 1, Progress: io.Discard, Patience: t.Context()}
	err := s.Run(func() error {
		return s.InLab(lab.Builtin, time.Hour, func(l *lab.Lab) error { return do(s, l) })
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(journal.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", journal.Dir, err)
	}
}

func TestTcpdumpSeesWhatLanstormDoes(t *testing.T) {
	need(t, "tcpdump")
	inLab(t, func(s *bench.Session, l *lab.Lab) error {
		r, err := latency(t.Context(), s, l, 3, time.Second)
		if r.Sent != 3 || r.Received != 3 || r.Seen.Requests != 3 || r.Seen.Replies != 3 || r.Seen.P99 <= 0 {
			t.Errorf("%+v", r)
		}
		if err != nil {
			return err
		}
		a, err := storm(t.Context(), s, l, lab.Builtin, 3)
		if a.Clients != 3 || a.Seen != 3 || a.Span <= 0 || a.Leased <= 0 || a.Sent < 6 {
			t.Errorf("%+v", a)
		}
		return err
	})
}

func TestTcpdumpOnALinkThatIsNot(t *testing.T) {
	need(t, "tcpdump")
	_, err := captured(t.Context(), "nowhere0", "icmp", func() error {
		t.Error("it is done without a capture")
		return nil
	})
	if err == nil || !strings.HasPrefix(err.Error(), "tcpdump: exit status 1: ") || !strings.Contains(err.Error(), "nowhere0") {
		t.Errorf("%v", err)
	}
}

func TestTheBareLoopLeavesNothing(t *testing.T) {
	inLab(t, func(s *bench.Session, l *lab.Lab) error {
		before := bench.InUse().Files
		o, err := bareLoop(t.Context(), s, l, 20)
		if o.Create <= 0 || o.Clients != 20 {
			t.Errorf("%+v", o)
		}
		if now := bench.InUse().Files; now > before {
			t.Errorf("%g descriptors, %g before", now, before)
		}
		if links, err := netlink.LinkList(); err != nil || len(links) != 2 { // loopback and the lab's
			t.Errorf("%d links are left, %v", len(links), err)
		}
		return err
	})
}

// Short as it is, it renews twice.
func TestClientsThatStandRenew(t *testing.T) {
	inLab(t, func(s *bench.Session, _ *lab.Lab) error {
		return s.InLab(lab.Builtin, 2*time.Second, func(l *lab.Lab) error {
			r, err := standing(t.Context(), s, l, 2, 2*time.Second, 3500*time.Millisecond)
			if r.Clients != 2 || r.Fewest < r.Expected() || r.Renewals < 4 || r.Lost > 0 || r.Early.Files <= 0 || r.End.Files <= 0 {
				t.Errorf("%+v", r)
			}
			return err
		})
	})
}
