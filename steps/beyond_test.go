package steps

import (
	"regexp"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// 30 clients that ping twice a second are more than 10 per second together.
func TestPingsBeyondTheRouterAreBoundedForAllTogether(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	thirty := `I create 30 virtual clients using macvlan`
	c := quick(t, map[string]string{"ping.internet_rate": "30", "ping.timeout": "5s"})
	code, output := runFeature(t, c, "", thirty, pingGoogle, responded, pingRouter, responded)
	shows(t, output, `pings to the Internet: 30 of 30 clients had an answer, 60 replies to 60 pings, 1s apart, for all clients together send 30 per second at most \(ping\.internet_rate\); `)
	shows(t, output, `pings to the router: 30 of 30 clients had an answer, 60 replies to 60 pings; `)
	if code != ExitPassed {
		t.Errorf("exit code %d", code)
	}
}

// The control is this machine's own way to the Internet: here, to an address of its
// own at the other end of a cable.
func TestTheControlIsToldBeside(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "way0"}, PeerName: "way1"}
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatal(err)
	}
	defer netlink.LinkDel(link)
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	c := quick(t, map[string]string{"targets.control": "way0", "lab.faults": "internet-down"})
	_, output := runFeature(t, c, "", twoClients, internet)
	shows(t, output, `2 of 2 clients did not reach the Internet \(meanwhile over way0: 0 replies to \d+ pings to 8\.8\.8\.8\): ns1, ns2: network unreachable`)

	c = quick(t, map[string]string{"targets.control": "nowhere", "ping.timeout": "5s"})
	code, output := runFeature(t, c, "", twoClients, internet)
	shows(t, output, `; tester: ping over nowhere: no such device; `)
	if code != ExitPassed {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// shows fails the test when output does not match.
func shows(t *testing.T, output, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(output) {
		t.Errorf("no %q in:\n%s", pattern, output)
	}
}
