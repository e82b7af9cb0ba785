package icmp_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/icmp"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

func TestThisMachinePingsOverALinkOfItsOwn(t *testing.T) {
	nstest.Need(t)
	subnet := netip.MustParsePrefix("10.77.0.0/16")
	l, err := lab.Start(lab.Options{Subnet: subnet})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link, err := netlink.LinkByName(l.Parent)
	if err != nil {
		t.Fatal(err)
	}
	own, _ := netlink.ParseAddr("10.77.0.9/16")
	if err := netlink.AddrAdd(link, own); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	c, err := icmp.PingOver(ctx, l.Parent, l.Router, 50*time.Millisecond, 5*time.Second)
	if err != nil || c.Sent == 0 || c.Received != c.Sent {
		t.Errorf("%s, %v", c, err)
	}
	if c, err := icmp.PingOver(ctx, "nowhere", l.Router, time.Second, time.Second); err == nil {
		t.Errorf("over a link that is not there: %s", c)
	}
}
