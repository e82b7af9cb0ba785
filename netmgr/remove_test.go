package netmgr_test

import (
	"testing"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Somebody's program or socket may keep a namespace alive for ever. The client
// must be off the LAN all the same.
func TestTheMacvlanGoesEvenWhenItsNamespaceIsHeld(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	l := startLab(t, labOptions())
	m := newManager(t, netmgr.Options{Parent: l.Parent})
	create(t, m, 3)
	held, err := namespace.Open("ns2")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cleanup(t, m)
	h, err := held.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if link.Type() == "macvlan" {
			t.Errorf("%s is still there", link.Attrs().Name)
		}
	}
}
