package evidence

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/netmgr"
)

// A crowd as large as does without limits of the kernel being raised, which
// pings as often as a thousand clients that ping once a second.
const (
	crowd     = 200
	pingEvery = 200 * time.Millisecond
)

// twice runs measure without and with a capture, and reports the processor time
// that it counts of all of this process, the kernel's on its behalf included.
func twice(b *testing.B, parent, unit string, measure func(_ *testing.B, look func()) (cpu time.Duration, of float64)) {
	for _, captured := range []bool{false, true} {
		b.Run(fmt.Sprintf("captured=%t", captured), func(b *testing.B) {
			look := func() {}
			if captured {
				c := start(b, parent)
				look = c.look
				defer func() {
					c.count()
					b.ReportMetric(float64(c.dropped), "lost")
				}()
			}
			cpu, of := measure(b, look)
			b.ReportMetric(float64(cpu)/of, "cpu-ns/"+unit)
		})
	}
}

// BenchmarkPacket is what a packet costs on a wire.
func BenchmarkPacket(b *testing.B) {
	w := newWire(b)
	for name, frame := range map[string][]byte{
		"ping":     aPing(b),
		"dhcp":     frameOf(b, over4(layers.IPProtocolUDP, &layers.UDP{SrcPort: 67, DstPort: 68}, payload(300))...),
		"TCP data": frameOf(b, over4(layers.IPProtocolTCP, tcp(func(*layers.TCP) {}, payload(1400))...)...),
	} {
		b.Run(name, func(b *testing.B) {
			twice(b, "near", "packet", func(b *testing.B, look func()) (time.Duration, float64) {
				before := cpuTime(b)
				for i := 0; b.Loop(); i++ {
					if w.mustSend(frame); i%1000 == 0 {
						look() // as these are more than there ever are
					}
				}
				return cpuTime(b) - before, float64(b.N)
			})
		})
	}
}

// BenchmarkIdle is a second of nothing.
func BenchmarkIdle(b *testing.B) {
	newWire(b)
	twice(b, "near", "s", func(b *testing.B, _ func()) (time.Duration, float64) {
		before := cpuTime(b)
		for b.Loop() {
			time.Sleep(time.Second)
		}
		return cpuTime(b) - before, float64(b.N)
	})
}

// BenchmarkPings is a second of a thousand pings.
func BenchmarkPings(b *testing.B) {
	l := startLab(b)
	m := newManager(b, netmgr.Options{Parent: l.Parent})
	if err := m.CreateClients(b.Context(), crowd); err != nil {
		b.Fatal(err)
	}
	twice(b, l.Parent, "s", func(b *testing.B, _ func()) (time.Duration, float64) {
		const seconds = 5
		before := cpuTime(b)
		for b.Loop() {
			if r := m.ProbeAll(b.Context(), netmgr.Gateway, netmgr.Ping{Duration: seconds * time.Second, Interval: pingEvery}); r.Received() == 0 {
				b.Fatal("no replies")
			}
		}
		return cpuTime(b) - before, seconds * float64(b.N)
	})
}

// BenchmarkLeases is a crowd that is made, and all its leases at once.
func BenchmarkLeases(b *testing.B) {
	l := startLab(b)
	m := newManager(b, netmgr.Options{Parent: l.Parent})
	twice(b, l.Parent, "client", func(b *testing.B, _ func()) (cpu time.Duration, _ float64) {
		for b.Loop() {
			before := cpuTime(b)
			if err := m.CreateClients(b.Context(), crowd); err != nil {
				b.Fatal(err)
			}
			cpu += cpuTime(b) - before
			if err := m.Cleanup(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		return cpu, crowd * float64(b.N)
	})
}

func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
