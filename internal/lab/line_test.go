package lab_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/netmgr"
)

// queues are the rate and the buffer of each of the router's links, and the bytes
// that wait there.
func queues(t *testing.T, l *lab.Lab) (shown map[string]string, waiting map[string]uint32) {
	t.Helper()
	router, err := namespace.Open(l.Namespaces()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer router.Close()
	h, err := router.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	shown, waiting = map[string]string{}, map[string]uint32{}
	for _, name := range []string{"lan", "wan"} {
		link, err := h.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		classes, err := h.ClassList(link, netlink.MakeHandle(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range classes {
			htb := c.(*netlink.HtbClass)
			shown[name] += fmt.Sprint(htb.Rate*8, " bit/s ")
		}
		qdiscs, err := h.QdiscList(link)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range qdiscs {
			if q.Type() != "noqueue" {
				shown[name] += q.Type() + " "
			}
			if s := q.Attrs().Statistics; q.Type() == "bfifo" && s != nil && s.Queue != nil {
				waiting[name] = s.Queue.Backlog
			}
		}
	}
	return shown, waiting
}

func TestALineIsInTheKernelUntilItHeals(t *testing.T) {
	l := startLab(t, ordinary())
	for _, tt := range []struct {
		faults []lab.Fault
		want   map[string]string
	}{
		{nil, map[string]string{}},
		{[]lab.Fault{"line 20/5 Mbit/s"}, map[string]string{"lan": "20000000 bit/s htb bfifo ", "wan": "5000000 bit/s htb bfifo "}},
		{[]lab.Fault{"buffer 500ms"}, map[string]string{"lan": "20000000 bit/s htb bfifo ", "wan": "5000000 bit/s htb bfifo "}},
		{[]lab.Fault{"line 10000/0.064 Mbit/s"}, map[string]string{"lan": "10000000000 bit/s htb bfifo ", "wan": "64000 bit/s htb bfifo "}},
	} {
		breaks(t, l, tt.faults...)
		got, _ := queues(t, l)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.faults, diff)
		}
	}
	heals(t, l)
	if got, _ := queues(t, l); len(got) > 0 {
		t.Errorf("healed, and there is still %v", got)
	}
}

// downloads downloads until stop, and tells how many bytes that are so far.
func downloads(t *testing.T, c *netmgr.Client) (bytes *atomic.Int64, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	bytes = &atomic.Int64{}
	ended := make(chan bool)
	go func() {
		defer close(ended)
		req, err := http.NewRequestWithContext(ctx, "GET", "http://198.51.100.80/1GB.zip", nil)
		if err != nil {
			return
		}
		resp, err := c.HTTPClient().Do(req)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		for err == nil {
			var n int64
			n, err = io.CopyN(io.Discard, resp.Body, 1000)
			bytes.Add(n)
		}
	}()
	return bytes, func() { cancel(); <-ended }
}

func TestPingsToTheRouterWaitBehindADownload(t *testing.T) {
	opts := ordinary()
	opts.Line, opts.Buffer = fault.Mbits(10, 10), 200*time.Millisecond
	l := startLab(t, opts)
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	_, stop := downloads(t, m.Clients()[0])
	defer stop()
	eventually(t, "half of the buffer is in use", func() bool {
		_, waiting := queues(t, l)
		return waiting["lan"] > 250_000/2 // of 10 Mbit/s × 200 ms
	})
	eventually(t, "a ping is late by half the buffer", func() bool {
		r := m.ProbeAll(t.Context(), netmgr.Gateway, netmgr.Ping{Count: 1, Timeout: patience})
		return r.RTT.Max() > 100*time.Millisecond
	})
}

func TestTheFirstClientStarvesTheOthers(t *testing.T) {
	l := startLab(t, ordinary())
	breaks(t, l, "first-client-only")
	m := newManager(t, l)
	if err := m.CreateClients(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	first, stop := downloads(t, m.Clients()[0])
	defer stop()
	eventually(t, "the first client is served", func() bool { return first.Load() > 0 })
	second, stopSecond := downloads(t, m.Clients()[1])
	defer stopSecond()
	begin := first.Load()
	eventually(t, "the second client has something", func() bool { return second.Load() > 0 })
	eventually(t, "the first one has much more", func() bool { return first.Load()-begin > 50_000_000 })
	if got, other := first.Load()-begin, second.Load(); got < 50*other {
		t.Errorf("the first client had %d bytes meanwhile, the second %d", got, other)
	}
	for _, r := range m.PingAll(t.Context(), netmgr.Host(netip.MustParseAddr("8.8.8.8")), netmgr.Ping{Interval: time.Millisecond, Timeout: patience}) {
		if r.Received != r.Sent {
			t.Errorf("of %d pings %d were answered", r.Sent, r.Received)
		}
	}
	heals(t, l)
	stopSecond()
	again, stopAgain := downloads(t, m.Clients()[1])
	defer stopAgain()
	eventually(t, "the second client is served", func() bool { return again.Load() > 1_000_000 })
}
