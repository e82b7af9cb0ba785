package main

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// keaLab is a lab whose DHCP server is Kea, as in the measurements.
func keaLab(t *testing.T, pool int) *lab.Lab {
	t.Helper()
	need(t, "kea-dhcp4")
	l, err := lab.Start(lab.Options{
		Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: pool, LeaseTime: time.Hour, Server: lab.Kea,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	nstest.Need(t)
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s, which is not installed", program)
		}
	}
}

func TestPerfdhcpGetsLeases(t *testing.T) {
	need(t, "perfdhcp")
	l := keaLab(t, 200)
	rate, err := perfdhcp(t.Context(), l, 200)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", rate)
	if rate.Highest <= 0 || rate.Clients != 200 {
		t.Errorf("%+v", rate)
	}
	if n, err := l.Leases(); n != 0 || err != nil {
		t.Errorf("afterwards the router has %d leases, %v", n, err)
	}
	if namespace.Exists("lab0-guest") {
		t.Error("perfdhcp's namespace is still there")
	}
}

func TestPerfdhcpEndsWithItsContext(t *testing.T) {
	need(t, "perfdhcp")
	l := keaLab(t, 5000)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := perfdhcp(ctx, l, 5000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended by %v, not by its context", err)
	}
	if namespace.Exists("lab0-guest") {
		t.Error("perfdhcp's namespace is still there")
	}
}

func TestReportsOfPerfdhcpAreRead(t *testing.T) {
	const report = `Running: perfdhcp -4 -l lan -r 2 -n 3 10.77.0.1
***Rate statistics***
Rate: 1.5 4-way exchanges/second, expected rate: 2

***Statistics for: DISCOVER-OFFER***
sent packets: 3
received packets: 3
drops: 0
drops ratio: 0 %

***Statistics for: REQUEST-ACK***
sent packets: 3
received packets: 2
drops: 1
drops ratio: 33.333 %

***Timestamps for packets: DISCOVER-OFFER***
sent / received: 000000.250000 / 000000.300000
sent / received: 000000.750000 / 000000.800000
sent / received: 000001.250000 / 000001.300000

***Timestamps for packets: REQUEST-ACK***
sent / received: 000000.400000 / 000000.500000
sent / received: 000010.150000 / 000010.250000
`
	if rate, drops, err := parsePerfdhcp(report); rate != 0.2 || drops != 1 || err != nil {
		t.Errorf("%g leases per second, %d drops, %v; want 0.2 and 1", rate, drops, err)
	}
	for name, text := range map[string]string{
		"no report":        "perfdhcp: unknown option",
		"a number that is": "***x***\ndrops: many",
	} {
		if _, _, err := parsePerfdhcp(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheHighestRateIsFound(t *testing.T) {
	for _, limit := range []float64{0, 90, 1000, 7300, 40000} {
		tries := 0
		best, err := search(func(rate float64) (float64, error) {
			tries++
			return min(rate, limit), nil
		})
		if err != nil || best > limit || best < limit*15/16 || tries != perfRates {
			t.Errorf("limit %g: %g after %d tries, %v", limit, best, tries, err)
		}
	}
}
