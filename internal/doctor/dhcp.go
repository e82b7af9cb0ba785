package doctor

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/netmgr"
)

// checkDHCP asks who offers addresses, and takes none.
func (e *exam) checkDHCP() Check {
	var err error
	e.offers, err = netmgr.Offers(e.ctx, e.Interface, e.Listen)
	var servers []string
	for _, s := range e.offers {
		servers = append(servers, s.String())
	}
	switch {
	case e.ctx.Err() != nil:
		return skipped("interrupted")
	case errors.Is(err, unix.EADDRINUSE), errors.Is(err, unix.EBUSY):
		return skipped("a client cannot ask on %s: is another doctor at work? (%v)", e.Interface, err)
	case err != nil:
		return problem("look at "+e.Interface+" with: ip -d link show "+e.Interface, "a client cannot ask on %s: %v", e.Interface, err)
	case len(servers) == 0:
		return problem("switch on the router's DHCP server, and check that the cable goes to a LAN port",
			"nobody offered an address within %s", e.Listen)
	case len(servers) > 1:
		return warning("switch off those that should not be there: a client takes whichever offer comes first",
			"%d answer: %s", len(servers), strings.Join(servers, ", "))
	case !e.offers[0].Address.IsValid():
		return problem("look at the settings of the DHCP server", "one answers: %s; no client can use what it offers", servers[0])
	}
	return ok("one answers: %s; it offered %s", servers[0], e.offers[0].Address.Addr())
}

// checkAddresses judges the size of the subnet. What of it the server hands
// out, and what of that is free, no DHCP message tells.
func (e *exam) checkAddresses() Check {
	if len(e.offers) == 0 {
		return skipped("no offer, so no subnet")
	}
	subnet := e.offers[0].Address.Masked()
	if subnet.Bits() < 1 || subnet.Bits() > 30 {
		return skipped("the offer names no subnet with room for clients")
	}
	room := 1<<(32-subnet.Bits()) - 3 // network, broadcast, router
	if e.Clients > room {
		return problem("use fewer clients, or widen the router's subnet", "%s has room for %d clients, not for %d", subnet, room, e.Clients)
	}
	return ok("%s has room for %d clients; how many of its addresses are free cannot be seen", subnet, room)
}

// checkTwins looks for clients of another machine that have our clients' MAC
// addresses: these come from /etc/machine-id, which a copy of an SD card has, too.
// It can see them only while they are there.
func (e *exam) checkTwins() Check {
	if len(e.offers) == 0 || !e.offers[0].Address.IsValid() {
		return skipped("no offer, so nobody knows where to look")
	}
	hosts, err := netmgr.Twins(e.ctx, e.Interface, e.offers[0].Address.Addr())
	switch {
	case e.ctx.Err() != nil:
		return skipped("interrupted")
	case err != nil:
		return skipped("cannot be told: %v", err)
	case hosts != nil:
		some := strings.Join(hosts[:min(3, len(hosts))], ", ")
		return problem("if its SD card is a copy, there: sudo rm /etc/machine-id && sudo systemd-machine-id-setup && sudo reboot; if it is this machine itself, end the run on its other port",
			"another machine's clients have the MAC addresses of this one's: %s, %d in all", some, len(hosts))
	}
	return ok("no other machine's clients have the MAC addresses of this one's at this moment")
}
