package netmgr_test

import (
	"context"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/netmgr"
)

func TestThisMachinePingsOverALinkOfItsOwn(t *testing.T) {
	l := startLab(t, labOptions())
	link, err := netlink.LinkByName(l.Parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: network("10.77.0.9/16")}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	c, err := netmgr.PingOver(ctx, l.Parent, l.Router, 50*time.Millisecond, time.Second)
	if err != nil || c.Sent < 2 || c.Received != c.Sent {
		t.Errorf("%s, %v", c, err)
	}
	if c, err := netmgr.PingOver(ctx, "nowhere", l.Router, time.Second, time.Second); err == nil {
		t.Errorf("over a link that is not there: %s", c)
	}
}
