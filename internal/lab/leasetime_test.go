package lab_test

import (
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestAProgramGivesShortLeases(t *testing.T) {
	eachProgram(t, func(t *testing.T, p program) {
		t.Parallel()
		f, want := lab.Fault("lease-time 10s"), 10*time.Second
		if p.server == lab.Dnsmasq {
			f, want = "lease-time 2m", 2*time.Minute
		}
		l := startLab(t, with(p.server))
		breaks(t, l, f)
		h := newHost(t, l, l.Parent+"-stranger")
		client := h.dhcpClient(t, h.unconfigured(t))
		given := func(with ...dhcpv4.Modifier) time.Duration {
			t.Helper()
			lease, err := client.Request(t.Context(), with...)
			if err != nil {
				t.Fatal(err)
			}
			end := lease.ACK.IPAddressLeaseTime(0)
			// Where the server leaves T1 and T2 out, they are as usual.
			t1, t2 := lease.ACK.IPAddressRenewalTime(end/2), lease.ACK.IPAddressRebindingTime(end*7/8)
			if 0 >= t1 || t1 >= t2 || t2 >= end {
				t.Errorf("T1 %s, T2 %s, end %s: not one after the other", t1, t2, end)
			}
			return end
		}
		first := given()
		time.Sleep(1100 * time.Millisecond) // a part of the lease is over
		if again, longer := given(), given(dhcpv4.WithLeaseTime(3600)); first != want || again != want || longer != want {
			t.Errorf("leases of %s, %s to a client that begins anew, %s to one that wants an hour; want %s for all", first, again, longer, want)
		}
		if shorter := given(dhcpv4.WithLeaseTime(5)); shorter > want {
			t.Errorf("a lease of %s for a client that wants one of 5s", shorter)
		}
	})
}

func TestWhatLeasesAProgramDoesNotGive(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	useOnce(t, ordinary())
	short := with(lab.Dnsmasq)
	short.LeaseTime = 10 * time.Second
	for _, tt := range []struct {
		name string
		opts lab.Options
		want string
	}{
		{"dnsmasq one of ten seconds", with(lab.Dnsmasq, "lease-time 10s"),
			"lab: fault lease-time 10s: dnsmasq gives no lease of less than 2m0s"},
		{"not even when it is told so from the start", short, "lab: lease time 10s: dnsmasq gives no lease of less than 2m0s"},
		{"kea one of no time", with(lab.Kea, "lease-time 0s"), "lab: fault lease-time 0s: kea gives no lease of less than 1s"},
		{"dhcpd one of no time", with(lab.Dhcpd, "lease-time 0s"), "lab: fault lease-time 0s: dhcpd gives no lease of less than 1s"},
		{"udhcpd one of no time", with(lab.Udhcpd, "lease-time 0s"), "lab: fault lease-time 0s: udhcpd gives no lease of less than 1s"},
		{"networkd one of no time", with(lab.Networkd, "lease-time 0s"), "lab: fault lease-time 0s: networkd gives no lease of less than 1s"},
	} {
		t.Run(tt.name, func(t *testing.T) { cannotStart(t, tt.opts, tt.want) })
	}
}
