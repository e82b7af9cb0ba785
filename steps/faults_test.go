package steps

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// proof is a scenario whose last sentence fails on a broken router.
type proof struct {
	name     string
	settings map[string]string // in godog.yml
	scenario []string
	want     string // all that is said of it, where … stands for anything
}

const (
	oneClient  = `I create 1 virtual clients using macvlan`
	twoClients = `I create 2 virtual clients using macvlan`
	pingRouter = `all clients ping the router in parallel`

	valid     = `each client should receive a valid IP address from the router`
	unique    = `no two clients should receive the same IP address`
	reachable = `all assigned IPs should be reachable`
	oneServer = `all clients should have their lease from the same DHCP server`
	responded = `all clients should respond successfully`
	router    = `each client should successfully reach the router`
	internet  = `each client should successfully reach the internet`
	stable    = `the overall network connectivity should remain stable`
	resolves  = `each client should resolve "example.test"`
	downloads = `all clients start downloading the 20MB ZIP file simultaneously`
)

// afterDecline is time enough to begin again, which a client does 10 s after it
// has declined an address.
const afterDecline = "30s"

func faults(list string) map[string]string { return map[string]string{"lab.faults": list} }

// proofs is the table of sentences and faults. Each sentence that judges must
// be the last of a scenario here, and each fault be in one.
var proofs = []proof{
	// Clients that cannot be made.
	{"a pool too small by godog.yml", map[string]string{"lab.pool": "2"},
		[]string{`I create 3 virtual clients using macvlan`},
		"1 of 3 clients failed: ns…: lease: no OFFER in 1.2s (1 DISCOVER sent); 2 got a lease, so the router's address pool may be used up (the lab's router has 2 addresses: raise lab.pool)"},
	{"a pool too small on purpose", nil,
		[]string{`the lab router hands out 2 addresses`, twoClients, oneClient},
		"1 of 1 clients failed: ns3: lease: no OFFER in 1.2s (1 DISCOVER sent) (the lab's router hands out 2 addresses on purpose)"},
	{"leases of no time", nil,
		[]string{`the lab router gives leases of 0 seconds`, oneClient},
		"1 of 1 clients failed: ns1: lease: no usable OFFER in 1.2s (1 DISCOVER sent; an OFFER was refused: a lease time of 0 (option 51))"},
	{"a DHCP server that falls silent", nil,
		[]string{oneClient, `the lab router does not answer DHCP`, oneClient},
		"1 of 1 clients failed: ns2: lease: no OFFER in 1.2s (1 DISCOVER sent)"},
	{"each DHCP message lost, counted", nil,
		[]string{`the lab router drops every 1st DHCP message`, oneClient},
		"1 of 1 clients failed: ns1: lease: no OFFER in 1.2s (1 DISCOVER sent)"},
	{"each DHCP message lost, in percent", faults("drop-dhcp 100%"),
		[]string{oneClient},
		"1 of 1 clients failed: ns1: lease: no OFFER in 1.2s (1 DISCOVER sent)"},
	{"a DHCP server too slow", nil,
		[]string{`the lab router delays DHCP by 2000 ms`, oneClient},
		"1 of 1 clients failed: ns1: lease: no OFFER in 1.2s (1 DISCOVER sent)"},
	{"NAKs", nil,
		[]string{`the lab router refuses every REQUEST`, oneClient},
		"1 of 1 clients failed: ns1: lease: refused by NAK from 10.77.0.1 (… in 1.2s)"},
	{"a DHCP server that hangs", faults("stop-after 1"),
		[]string{oneClient, oneClient},
		"1 of 1 clients failed: ns2: lease: no OFFER in 1.2s (1 DISCOVER sent)"},

	{"an address that a printer has", map[string]string{"lab.faults": "pool 1"},
		[]string{`1 hosts of the LAN have addresses that the lab router gives out`, oneClient},
		"1 of 1 clients failed: ns1: lease: no free address in 1.2s (1 DECLINE sent: 10.77.0.10 is that of 02:4c:53:00:00:04)"},

	// Addresses.
	{"leases that are not renewed", nil,
		[]string{`the lab router gives leases of 2 seconds`, twoClients, `the lab router does not renew leases`, `all clients should keep their addresses for 4 seconds`},
		"2 of 2 clients did not keep their address: ns1, ns2: the lease has ended: nobody answered the renewal"},
	{"times in the wrong order", nil,
		[]string{`the lab router gives T1 and T2 in the wrong order`, twoClients, `the router should follow the DHCP standard`},
		"the router does not follow the DHCP standard: 2 of 2 clients: T1 and T2 out of order (options 58, 59) (RFC 2131 §4.4.5): T1 52m30s, T2 30m0s of 1h0m0s"},
	{"no gateway, seen by the addresses", faults("no-gateway"),
		[]string{twoClients, valid},
		"2 of 2 clients have no valid address: ns1, ns2: the lease from 10.77.0.1 names no gateway (option 3)"},
	{"a subnet that is not the router's", map[string]string{"targets.router": "10.77.0.1"},
		[]string{`the lab router hands out addresses of the wrong subnet`, oneClient, valid},
		"1 of 1 clients have no valid address: ns1: 10.76.0.10/16 is not in the subnet of the router 10.77.0.1"},
	{"a subnet whose gateway nobody is", faults("wrong-subnet"),
		[]string{oneClient, valid},
		"1 of 1 clients have no valid address: ns1: the gateway 10.76.0.1 does not answer ARP"},
	{"a rogue DHCP server, seen by the addresses", faults("rogue-dhcp"),
		[]string{twoClients, valid},
		"1 of 2 clients have no valid address: ns…: 10.79.0.10 from 10.77.0.2 is not of 10.77.0.0/16, as others are"},
	{"a rogue DHCP server that most clients hear first", faults("rogue-dhcp 60%"),
		[]string{`I create 3 virtual clients using macvlan`, valid},
		"2 of 3 clients have no valid address: ns…: 10.79.0.… from 10.77.0.2 is not of 10.77.0.0/16, as others are…"},
	{"a router that is not where godog.yml says", map[string]string{"targets.router": "10.99.0.1"},
		[]string{oneClient, valid},
		"1 of 1 clients have no valid address: ns1: 10.77.0.10/16 is not in the subnet of the router 10.99.0.1"},
	{"one address for two clients", map[string]string{"lab.faults": "duplicate-address", "dhcp.conflict_detection": "false"},
		[]string{twoClients, unique},
		"1 of 2 clients share an address: ns2: has 10.77.0.10, which is ns1's too"},
	{"one address for two clients, of whom one declines it", map[string]string{"lab.faults": "duplicate-address", "dhcp.timeout": afterDecline},
		[]string{twoClients, unique},
		"1 of 2 clients share an address: ns…: was given 10.77.0.10, which is ns…'s"},
	{"one address for two clients, in other words", map[string]string{"lab.faults": "duplicate-address", "dhcp.conflict_detection": "false"},
		[]string{twoClients, `no two clients should have the same IP address`},
		"1 of 2 clients share an address: ns2: has 10.77.0.10, which is ns1's too"},
	{"one address for two clients, in yet other words", map[string]string{"lab.faults": "duplicate-address", "dhcp.conflict_detection": "false"},
		[]string{twoClients, `no two clients should receive duplicate IP addresses`},
		"1 of 2 clients share an address: ns2: has 10.77.0.10, which is ns1's too"},
	{"one address for two clients, of either family", map[string]string{"lab.faults": "duplicate-address", "dhcp.conflict_detection": "false"},
		[]string{twoClients, `no two clients should receive duplicate IP addresses (IPv4 or IPv6)`},
		"1 of 2 clients share an address: ns2: has 10.77.0.10, which is ns1's too"},
	{"IPv6 addresses that another host has", nil,
		[]string{`another host answers duplicate address detection`, twoClients, `no two clients should receive duplicate IP addresses (IPv4 or IPv6)`},
		"2 of 2 clients share an address: ns1: another host has 2001:db8:77:…"},
	{"a rogue DHCP server, seen by the leases", faults("rogue-dhcp"),
		[]string{twoClients, oneServer},
		"2 DHCP servers gave leases: ns…: from 10.77.0.…; ns…: from 10.77.0.…"},
	{"client isolation", nil,
		[]string{`I initialize the Network Manager`, `the lab router isolates clients`, twoClients, reachable},
		"2 of 2 clients cannot be reached: ns1: no reply to another client: 10.77.0.… does not answer ARP; ns2: no reply to another client: 10.77.0.… does not answer ARP"},
	{"a gateway that is not there", faults("wrong-subnet"),
		[]string{oneClient, reachable},
		"1 of 1 clients cannot be reached: ns1: the gateway 10.76.0.1 does not answer ARP"},
	{"clients that cannot reach one another", map[string]string{"clients.macvlan_mode": "private"},
		[]string{twoClients, reachable},
		"1 of 2 clients cannot be reached: ns1: macvlan mode private keeps clients apart, so none can reach another: use mode bridge"},
	{"a gateway that is not there, with IPv6", faults("wrong-subnet"),
		[]string{oneClient, `all assigned IPv4 and IPv6 addresses should be reachable`},
		"1 of 1 clients cannot be reached: ns1: the gateway 10.76.0.1 does not answer ARP"},
	{"a router that has no room for a client's IPv6", nil,
		[]string{`the lab router has room for 1 IPv6 neighbour`, twoClients, `all clients should reach the internet over IPv6`},
		"1 of 2 clients did not reach the Internet over IPv6: ns…: …"},

	// IPv6.
	{"no router advertisements", nil,
		[]string{`the lab router sends no router advertisements`, twoClients, `each client should have a global IPv6 address`},
		"2 of 2 clients have no global IPv6 address: ns1…: no router advertisement in …s (… router solicitation… sent)…"},
	{"IPv6 addresses that another host has, seen by who has none", faults("duplicate-ipv6"),
		[]string{oneClient, `each client should have a global IPv6 address`},
		"1 of 1 clients have no global IPv6 address: ns1: another host has 2001:db8:77:… (duplicate address detection, RFC 4862 §5.4)"},
	{"silent DHCPv6", nil,
		[]string{`the lab router does not answer DHCPv6`, twoClients, `each client should have a DHCPv6 address`},
		"2 of 2 clients have no address by DHCPv6: ns1…: DHCPv6: no answer to … in …s…"},
	{"no DHCPv6 at all", nil,
		[]string{`the lab router tells name servers by DHCPv6`, oneClient, `each client should have a DHCPv6 address`},
		"1 of 1 clients have no address by DHCPv6: ns1: fe80::4c:53ff:fe00:1 says that there is no DHCPv6 for addresses (flag M is not set)"},
	{"no name server by IPv6", nil,
		[]string{`the lab router names no DNS server by IPv6`, twoClients, `each client should have a name server by IPv6`},
		"2 of 2 clients have no name server by IPv6: ns1, ns2: fe80::4c:53ff:fe00:1 names no DNS server (RDNSS, RFC 8106), nor does DHCPv6"},
	{"no way out by IPv6", nil,
		[]string{`the IPv6 Internet is cut`, twoClients, `all clients should reach the internet over IPv6`},
		"2 of 2 clients did not reach the Internet over IPv6: ns1, ns2: no route, says 2001:db8:77::1"},
	{"a router that is none for IPv6", nil,
		[]string{`the lab router is no default router for IPv6`, twoClients, `all clients attempt to ping the router simultaneously using "IPV6"`, router},
		"2 of 2 clients did not reach the router over IPv6: ns1, ns2: no default router for IPv6: fe80::4c:53ff:fe00:1 advertises a router lifetime of 0"},
	{"one DHCPv6 address for two clients that are kept apart", map[string]string{"clients.macvlan_mode": "private", "lab.faults": "duplicate-address", "dhcp.conflict_detection": "false"},
		[]string{`the lab router gives IPv6 addresses by DHCPv6 only`, twoClients, `no two clients should have the same interface identifier`},
		"1 of 2 clients share an interface identifier: ns2: 2001:db8:77::1000 has the interface identifier of ns1's"},
	{"a prefix that changes at a reboot without a word", map[string]string{"dhcp.timeout": "10s"},
		[]string{`the lab router gets another prefix when it reboots, and does not deprecate the old one`, twoClients, `each client should have a global IPv6 address`,
			`the lab router reboots`, `after the router reboots the old prefix should be deprecated`},
		"…2 of 2 clients use an old prefix: ns1: 2001:db8:77:… is not deprecated, and no router advertises its prefix since (RFC 9096 §3.5)…"},
	{"a prefix that changes without a word", map[string]string{"dhcp.timeout": "20s"},
		[]string{twoClients, `each client should have a global IPv6 address`, `the lab router changes its prefix without a word`,
			`after the router reboots the old prefix should be deprecated`},
		"2 of 2 clients use an old prefix: ns1: 2001:db8:77:… is not deprecated, and no router advertises its prefix since (RFC 9096 §3.5)…"},
	{"a rogue router", nil,
		[]string{`a rogue router sends router advertisements`, oneClient, `the router should follow the IPv6 standards`},
		"the router does not follow the IPv6 standards: two default routers: fe80::… (MAC …) and fe80::… (MAC …)"},
	{"advertisements without a source", nil,
		[]string{`the lab router's advertisements lack the source link-layer address`, oneClient, `the router should follow the IPv6 standards`},
		"the router does not follow the IPv6 standards: an advertisement without the router's MAC address (source link-layer address) (RFC 4861 §6.2.3): fe80::4c:53ff:fe00:1"},
	{"prefixes for a month", nil,
		[]string{`the lab router advertises lifetimes beyond RFC 9096`, oneClient, `the router should follow the IPv6 standards`},
		"the router does not follow the IPv6 standards: a prefix preferred beyond 45 minutes, or valid beyond 90 (RFC 9096 §3.4): 2001:db8:77::/64: preferred 168h0m0s, valid 720h0m0s"},
	{"advertisements each second", nil,
		[]string{`the lab router sends router advertisements every 1 second`, oneClient, `the router should follow the IPv6 standards`},
		"the router does not follow the IPv6 standards: advertisements to all hosts more often than each 3 seconds (RFC 4861 §6.2.6): …s after the one before, by fe80::4c:53ff:fe00:1"},

	// Leases.
	{"renewals by unicast that are not answered, at T1", nil,
		[]string{`the lab router gives leases of 8 seconds`, `the lab router does not answer renewals by unicast`, twoClients, `the router should renew all leases at T1`},
		"2 of 2 clients had their lease not renewed: ns1, ns2: 10.77.0.1 extended the lease when asked by broadcast, not by unicast (RFC 2131 §4.4.5)"},
	{"renewals by unicast that are not answered, when asked for", nil,
		[]string{`the lab router does not answer renewals by unicast`, twoClients, `the router should renew all leases when asked`},
		"2 of 2 clients had their lease not renewed: ns1, ns2: 10.77.0.1 did not extend the lease when asked by unicast (RFC 2131 §4.3.2)"},
	{"renewals that are not answered at all, at T2", nil,
		[]string{`the lab router gives leases of 2 seconds`, `the lab router does not renew leases`, twoClients, `the router should rebind all leases at T2`},
		"2 of 2 clients had their lease not rebound: ns1, ns2: the lease has ended: nobody answered the renewal"},
	{"renewals that are not answered at all, when asked for", faults("no-renewals"),
		[]string{twoClients, `the router should rebind all leases when asked`},
		"2 of 2 clients had their lease not rebound: ns1, ns2: 10.77.0.1 did not extend the lease when asked by broadcast (RFC 2131 §4.3.2)"},
	{"leases that go on", nil,
		[]string{`the lab router gives leases of 2 seconds`, twoClients, `all leases should end when nobody renews them`},
		"2 of 2 clients still have their lease: ns1, ns2: 10.77.0.1 extended the lease"},
	{"an old address refused", nil,
		[]string{`the lab router gives clients another address each time`, twoClients, `the router should confirm all addresses when clients reboot`},
		"2 of 2 clients were not given their address back: ns1, ns2: 10.77.0.1 refused it by NAK (RFC 2131 §4.3.2)"},
	{"no NAK for an address of another network", nil,
		[]string{`the lab router never sends a NAK`, twoClients, `the router should refuse addresses of another network`},
		"2 of 2 clients were not refused an address of another network: ns1, ns2: its REQUEST was not answered in time (RFC 2131 §4.3.2)"},
	{"no NAK for the address of another client", nil,
		[]string{`the lab router never sends a NAK`, twoClients, `the router should refuse addresses of other clients`},
		"2 of 2 clients were not refused the address of another client: ns1, ns2: its REQUEST was not answered in time (RFC 2131 §4.3.2)"},
	{"a declined address given out again", map[string]string{"dhcp.timeout": afterDecline},
		[]string{`the lab router ignores DECLINE`, oneClient, `all clients decline their addresses`, `no declined address should be given out again`},
		"1 of 1 clients were given an address that had been declined: ns1: was given 10.77.0.10 after ns1 had declined it (RFC 2131 §4.3.3)"},
	{"a lease for an INFORM", nil,
		[]string{`the lab router answers INFORM with a lease`, twoClients, `the router should answer INFORM with options and no lease`},
		"2 of 2 clients had no right answer to an INFORM: ns1, ns2: INFORM to 10.77.0.1: the ACK has a lease time (option 51) (RFC 2131 §4.3.5)"},

	// Clients that ask, and give back.
	{"a pool too small, and clients that wait", faults("pool 1"),
		[]string{`2 clients ask for an address`, `2 of 2 clients should get an address within 1 seconds`},
		"1 of 2 clients have an address after 1s, not 2: ns…: no OFFER in … (… sent)"},
	{"a DHCP server that is silent, and clients that wait", faults("silent-dhcp"),
		[]string{`2 clients ask for an address`, `2 of 2 clients should get an address`},
		"0 of 2 clients have an address after …s, not 2: ns1…: no OFFER in … (… sent)…"},
	{"more addresses than there should be", nil,
		[]string{oneClient, `one more client asks for an address`, `1 of 2 clients should get an address within 5 seconds`},
		"2 of 2 clients have an address after 5s, not 1"},
	{"an OFFER where there should be silence", faults("nak"),
		[]string{`1 clients ask for an address`, `0 of 1 clients should get an address within 1 seconds`},
		"0 of 1 clients have an address, as they should, but others were offered one: ns1: refused by NAK from 10.77.0.1 (… in …)"},
	{"a released address that is not free", faults("pool 1"),
		[]string{`the lab router ignores RELEASE`, oneClient, `one more client asks for an address`, `one client releases its address`, `all clients that wait should get an address within 4 seconds`},
		"1 of 2 clients have no address yet: ns2: no OFFER in … (… sent)"},
	{"another address after the reboot of the clients", nil,
		[]string{`the lab router gives clients another address each time`, oneClient, `all clients reboot`, `all clients should have their old address again within 10 seconds`},
		"1 of 1 clients have not their old address again (RFC 2131 §4.3.1) after the clients rebooted: ns1: has 10.77.0.11 from 10.77.0.1 now, and had 10.77.0.10"},
	{"another address after a release", nil,
		[]string{`the lab router gives clients another address each time`, oneClient, `all clients release their addresses`, `all clients ask for an address again`, `all clients should have their old address again within 10 seconds`},
		"1 of 1 clients have not their old address again (RFC 2131 §4.3.1) after addresses were given back: ns1: has 10.77.0.11 from 10.77.0.1 now, and had 10.77.0.10"},
	{"another address after the reboot of the router", nil,
		[]string{oneClient, `the lab router gives clients another address each time`, `the lab router reboots`, `all clients should have their old address again within 10 seconds`},
		"…1 of 1 clients have not their old address again after the lab router rebooted: ns1: has 10.77.0.11 from 10.77.0.1 now, and had 10.77.0.10"},
	{"no address after the reboot of the router", nil,
		[]string{twoClients, `the lab router does not answer DHCP`, `the lab router reboots`, `all clients should have an address again within 1 seconds`},
		"…2 of 2 clients have no address again after the lab router rebooted: ns1, ns2: no server has confirmed its address since"},

	// DHCP servers.
	{"a second DHCP server whose offers nobody took", faults("rogue-dhcp 0%"),
		[]string{twoClients, `all clients should keep their addresses for 1 second`, `only the router should answer DHCP`},
		"not only the router answers DHCP: 10.77.0.2 (MAC 02:4c:53:00:00:03) offered addresses to 2 of 2 clients, 0 have one from it; the router is 10.77.0.1 (MAC 02:4c:53:00:00:01)"},
	{"a second DHCP server whose offers everybody took", nil,
		[]string{`a rogue DHCP server is on the LAN, faster for 100% of the clients`, twoClients, `only the router should answer DHCP`},
		"not only the router answers DHCP: 10.77.0.2 (MAC 02:4c:53:00:00:03) offered addresses to 2 of 2 clients, 2 have one from it; the router is 10.77.0.1 (MAC 02:4c:53:00:00:01)"},
	{"a DHCP server that is not the router of godog.yml", map[string]string{"targets.router": "10.77.0.99"},
		[]string{oneClient, `only the router should answer DHCP`},
		"not only the router answers DHCP: 10.77.0.1 (MAC 02:4c:53:00:00:01) offered addresses to 1 of 1 clients, 1 have one from it; the router 10.77.0.99 does not answer ARP"},
	{"an address that a printer has, used all the same", map[string]string{"lab.faults": "squatters 1", "dhcp.conflict_detection": "false"},
		[]string{twoClients, `no client should have the address of another host`},
		"1 of 2 clients have the address of another host: ns…: 10.77.0.10 is also that of the host with MAC 02:4c:53:00:00:04"},

	// Connectivity.
	{"no packet let through", faults("loss 100%"),
		[]string{twoClients, pingGoogle, responded},
		"2 of 2 clients did not reach the Internet: ns1, ns2: 8.8.8.8 did not answer within 500ms (2 requests sent)"},
	{"a router that reboots by itself", map[string]string{"lab.faults": "reboot-after 3", "ping.count": "100", "ping.interval": "20ms"},
		[]string{twoClients, `one more client asks for an address`, router},
		"lab0 lost its carrier at …; … of 3 clients …: ns…: …"},
	{"some packets lost", map[string]string{"ping.count": "20", "ping.interval": "10ms"},
		[]string{`the lab router loses 50% of packets`, oneClient, pingGoogle, responded},
		"1 of 1 clients lost 1 or more of 20 pings to 8.8.8.8: ns1: lost … of 20"},
	{"no gateway, seen by pings to the router", nil,
		[]string{`the lab router names no gateway`, twoClients, pingRouter, router},
		"2 of 2 clients did not reach the router: ns1, ns2: the lease from 10.77.0.1 names no gateway (option 3)"},
	{"no gateway, seen by pings to the Internet", faults("no-gateway"),
		[]string{twoClients, internet},
		"2 of 2 clients did not reach the Internet: ns1, ns2: no route to 8.8.8.8: the lease from 10.77.0.1 names no gateway (option 3)"},
	{"packets held back too long", nil,
		[]string{twoClients, `the lab router delays packets by 400 ms`, internet},
		"2 of 2 clients did not reach the Internet: ns1, ns2: 8.8.8.8 did not answer within 500ms (2 requests sent)"},
	{"a rogue DHCP server, seen by pings", nil,
		[]string{`a rogue DHCP server is on the LAN`, twoClients, internet},
		"1 of 2 clients did not reach the Internet: ns…: the gateway 10.79.0.1 does not answer ARP"},
	// Latency.
	{"a router slow to answer", nil,
		[]string{`the lab router answers pings 30 ms late`, twoClients, `the 95th percentile latency to the router should be under 20 ms`},
		"the 95th percentile latency to the router is …ms, not under 20ms (of … replies; the slowest client is ns… with …ms)"},
	{"a slow line", faults("delay 30ms"),
		[]string{twoClients, `the 50th percentile latency to Google DNS should be under 50 ms`},
		"the 50th percentile latency to the Internet is …ms, not under 50ms (of … replies; the slowest client is ns… with …ms)"},
	{"a line too narrow for the pings themselves", map[string]string{"ping.count": "150", "ping.interval": "10ms"},
		[]string{`the lab's line is 0.1/0.1 Mbit/s`, twoClients, `the 95th percentile latency to the router should be under 50 ms`},
		"the 95th percentile latency to the router is …ms, not under 50ms (of … replies; the slowest client is ns… with …ms)"},
	{"a line whose buffer is long", map[string]string{"lab.line": "0.1/0.1 Mbit/s", "ping.count": "150", "ping.interval": "10ms"},
		[]string{`the lab's line has a buffer of 500 ms`, twoClients, `the 95th percentile latency to the router should be under 300 ms`},
		"the 95th percentile latency to the router is …ms, not under 300ms (of … replies; the slowest client is ns… with …ms)"},
	{"a router whose latency nobody can tell", faults("no-gateway"),
		[]string{oneClient, `the 99th percentile latency to the router should be under 20 ms`},
		"1 of 1 clients did not reach the router: ns1: the lease from 10.77.0.1 names no gateway (option 3)"},
	{"pings lost", map[string]string{"ping.count": "20", "ping.interval": "10ms"},
		[]string{`the lab router loses 50% of packets`, oneClient, pingGoogle, `no client should lose more than 1% of its pings`},
		"1 of 1 clients lost more than 1% of 20 pings to 8.8.8.8: ns1: lost … of 20"},
	{"pings lost, measured", nil,
		[]string{`the lab router loses 50% of packets`, twoClients, `all clients measure the latency to Google DNS for 1 seconds`, `no client should lose more than 0% of its pings`},
		"2 of 2 clients lost 1 or more of 20 pings to 8.8.8.8: ns1…: lost … of 20"},
	{"no Internet any more", nil,
		[]string{oneClient, internet, `the Internet is cut`, internet},
		"1 of 1 clients did not reach the Internet: ns1: network unreachable, says 10.77.0.1"},
	{"no Internet, seen by the share that answered", faults("internet-down"),
		[]string{twoClients, pingGoogle, stable},
		"only 0% of the clients had an answer, not 95%: 2 of 2 clients did not reach the Internet: ns1, ns2: network unreachable, says 10.77.0.1"},

	// Names and pages.
	{"a silent DNS server", faults("silent-dns"),
		[]string{oneClient, resolves},
		"1 of 1 clients could not resolve example.test: ns1: lookup example.test: 10.77.0.1 did not answer in 4s (2 queries sent)"},
	{"no DNS server in the lease", nil,
		[]string{`the lab router names no DNS server`, twoClients, resolves},
		"2 of 2 clients could not resolve example.test: ns1, ns2: lookup example.test: the lease names no DNS server (option 6)"},
	{"no Internet, seen by a page", faults("internet-down"),
		[]string{twoClients, `each client should fetch "http://198.51.100.80/"`},
		`2 of 2 clients could not fetch http://198.51.100.80/: ns1, ns2: connect to 198.51.100.80:80: connect: network is unreachable`},

	// Traffic.
	{"no Internet, seen by downloads", faults("internet-down"),
		[]string{twoClients, downloads, `each client should complete the download`},
		"2 of 2 clients did not complete the download: ns1, ns2: lookup download.example.test: 10.77.0.1 …"},
	{"clients that have given their addresses back", nil,
		[]string{twoClients, `all clients release their addresses`, downloads, `each client should complete the download`},
		"2 of 2 clients did not complete the download: ns1, ns2: lookup download.example.test: the client has no address: …"},
	{"a file that is not there", map[string]string{"download.url": "http://download.example.test/0MB.zip"},
		[]string{twoClients, `all clients start downloading the configured file simultaneously`, `each client should complete the download`},
		"2 of 2 clients did not complete the download: ns1, ns2: the server says 404 Not Found"},
	{"a certificate that nobody vouches for", map[string]string{"download.url": "https://203.0.113.1/"},
		[]string{oneClient, `all clients start downloading the configured file simultaneously`, `each client should complete the download`},
		"1 of 1 clients did not complete the download: ns1: connect to 203.0.113.1:443: connect: connection refused"},
	{"a slow line, seen by how long downloads take", faults("line 4/1 Mbit/s"),
		[]string{oneClient, `all clients start downloading the 1MB ZIP file simultaneously`, `each client should complete the download within 1 seconds`},
		"1 of 1 clients did not complete the download within 1s: ns1: took … s"},
	{"a slow line, seen by what goes through", nil,
		[]string{`the lab's line is 10/2 Mbit/s`, twoClients, `all clients start downloading the 1MB ZIP file simultaneously`, `the total throughput should be at least 50 Mbit/s`},
		"the total throughput is … Mbit/s, not 50 Mbit/s (download http://download.example.test/1MB.zip)"},
	{"a router that serves the first client only", map[string]string{"download.timeout": "3s"},
		[]string{`the lab router serves the first client only`, twoClients, downloads, `no client should get less than 50% of the fair share`},
		"1 of 2 clients got less than 50% of the fair share: ns…: …% (…bit/s)"},
	{"no Internet, seen by uploads", faults("internet-down"),
		[]string{twoClients, `all clients start uploading 1MB simultaneously`, `each client should complete the upload`},
		"2 of 2 clients did not complete the upload: ns1, ns2: lookup download.example.test: 10.77.0.1 …"},
	{"a line too slow for a video", map[string]string{"video.duration": "8s", "lab.faults": "line 0.3/0.3 Mbit/s, buffer 500ms"},
		[]string{oneClient, `all clients start streaming a video simultaneously`, `each client should successfully stream for the given duration`},
		"1 of 1 clients did not play the video well: ns1: stalled … s of 8 s …"},
	{"no Internet, seen by workloads at random", map[string]string{"stress.seed": "7", "lab.faults": "internet-down"},
		[]string{twoClients, `I assign a random workload to each client for "2" seconds`, `I should see results for each namespace`},
		"… of … clients …: ns…: …"},
	{"a buffer too deep", nil,
		[]string{`the lab's line is 20/5 Mbit/s`, `the lab's line has a buffer of 500 ms`, twoClients, `all clients load the line for 6 seconds`, `the latency under load should be graded "A+" or better`},
		"the latency under load is graded …, not A+ or better: the load adds … to … (…% of the pings lost)"},
	{"no line at all, by its grade", faults("internet-down"),
		[]string{oneClient, `all clients load the line for 6 seconds`},
		"1 of 1 clients did not complete the download: …"},
	{"a line that is too good", faults("line 100/100 Mbit/s"),
		[]string{oneClient, `all clients load the line for 6 seconds`, `the latency under load should be graded "F"`},
		"the latency under load is graded …, not F: the load adds … to … (…% of the pings lost)"},
	{"what goes wrong beside the sentences", faults("internet-down"),
		[]string{twoClients, `1 of the clients keep downloading`, `the other clients measure the latency to the router for 1 second`, `the downloads stop`},
		"1 of 1 clients did not complete the download: ns1: lookup download.example.test: …"},
}

// reported finds in godog's report the sentence that failed and its error, which
// must be one line. One for the tester may follow, which may be at its limit while
// tests run side by side.
var reported = regexp.MustCompile(`(?m)^    \* (.*) # features/f\.feature:\d+\n      Error: (.*)\n(      tester: .*\n)?\n`)

func TestBrokenRoutersFailForTheRightReason(t *testing.T) {
	t.Parallel()
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			c := quick(t, nil)
			c.DHCP.Timeout = 3 * time.Second
			if strings.Contains(p.want, "1.2s") { // no time for a second try
				c.DHCP.Timeout = 1200 * time.Millisecond
			}
			for key, value := range p.settings {
				if err := c.Set(key, value); err != nil {
					t.Fatal(err)
				}
			}
			code, output := runFeature(t, c, "", p.scenario...)
			failed := reported.FindAllStringSubmatch(output, -1)
			inconclusive := len(failed) == 1 && failed[0][3] != "" && code == ExitInconclusive
			if code != ExitFailed && !inconclusive || len(failed) != 1 {
				t.Fatalf("exit code %d, want %d and one failure in one line in:\n%s", code, ExitFailed, output)
			}
			if sentence := p.scenario[len(p.scenario)-1]; failed[0][1] != sentence {
				t.Errorf("%q failed, want %q", failed[0][1], sentence)
			}
			if !resembles(failed[0][2], p.want) {
				t.Errorf("the failure says\n%s\nwant\n%s", failed[0][2], p.want)
			}
		})
	}
}

// resembles reports whether text is pattern, where … stands for anything.
func resembles(text, pattern string) bool {
	re := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".*")
	return regexp.MustCompile("^" + re + "$").MatchString(text)
}

// A verdict that cannot fail is worth nothing. Whether a sentence is one, its
// wording says: something should be so.
func TestEveryVerdictCanFail(t *testing.T) {
	verdicts := 0
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			if !strings.Contains(s.text, " should ") || aboutWifi(s.text) { // these never run
				continue
			}
			verdicts++
			proven := false
			for _, p := range proofs {
				proven = proven || s.pattern().MatchString(p.scenario[len(p.scenario)-1])
			}
			if !proven {
				t.Errorf("no fault makes this sentence fail: %s", s.text)
			}
		}
	}
	if verdicts < 10 {
		t.Errorf("only %d verdicts found", verdicts)
	}
}

// harmless is what hosts put up with, so that no sentence need fail; features/ipv6 has
// it.
var harmless = map[string]bool{"small-mtu": true, "reboot-prefix": true, "both-ipv6": true}

func TestEveryFaultIsSeen(t *testing.T) {
	for _, k := range fault.Kinds {
		seen := harmless[k.Name]
		for _, p := range proofs {
			for _, text := range p.scenario {
				seen = seen || sentence{text: k.Sentence}.pattern().MatchString(text)
			}
			if f, ok := p.settings["lab.faults"]; ok {
				kind, err := fault.Fault(f).Kind()
				seen = seen || err == nil && kind.Usage() == k.Usage()
			}
		}
		if !seen {
			t.Errorf("no sentence fails because of %s", k.Usage())
		}
	}
}
