package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// router6 is a router of IPv6 that is made of programs. The settings are the fewest
// with which these give addresses and a name server; what else they say is their own
// habit.
type router6 struct {
	Name     string
	slaac    bool // hosts make addresses by themselves
	dhcp     bool // they are leased
	programs []lab.Other
}

// row6 is what such a router made of a number of clients: how many have what.
type row6 struct {
	router6
	Clients            int
	Global, Made, DHCP int           // addresses: any, by SLAAC, by DHCPv6
	Last               time.Duration // until the last of these could be used
	Names, Answered    int
	Held, Left         int // leases, while clients are there and when they are gone
	Remarks            string
}

var routers6 = []router6{
	{Name: "radvd", slaac: true, programs: []lab.Other{radvd("prefix 2001:db8:77::/64 {}; RDNSS 2001:db8:77::1 {};")}},
	{Name: "dnsmasq, stateless", slaac: true, programs: []lab.Other{dnsmasq("::,ra-stateless")}},
	{Name: "dnsmasq, stateful", dhcp: true, programs: []lab.Other{dnsmasq("::1000,2001:db8:77::ffff")}},
	{Name: "Kea with radvd", dhcp: true, programs: []lab.Other{kea, managed}},
	{Name: "ISC dhcpd with radvd", dhcp: true, programs: []lab.Other{dhcpd, managed}},
	{Name: "systemd-networkd", slaac: true, programs: []lab.Other{networkd}},
}

func radvd(conf string) lab.Other {
	return lab.Other{
		Command: "radvd", Package: "radvd", Ready: "syntax ok",
		Args:     []string{"-n", "-d", "1", "-m", "stderr", "-p", "FOLDER/radvd-own.pid", "-C", "FOLDER/radvd.conf"},
		ConfFile: "radvd.conf", Conf: "interface lan { AdvSendAdvert on; " + conf + " };\n",
	}
}

// managed sends hosts to a DHCPv6 server for all they need.
var managed = radvd("AdvManagedFlag on; AdvOtherConfigFlag on; prefix 2001:db8:77::/64 { AdvAutonomous off; };")

// dnsmasq leaves the names to the lab, whose name server has that port.
func dnsmasq(addresses string) lab.Other {
	return lab.Other{
		Command: "dnsmasq", Package: "dnsmasq-base", Ready: ": started, version",
		Args: []string{"--conf-file=FOLDER/dnsmasq.conf"}, ConfFile: "dnsmasq.conf",
		Conf: `keep-in-foreground
pid-file
user=root
log-facility=-
interface=lan
bind-interfaces
port=0
dhcp-leasefile=FOLDER/dnsmasq.leases
enable-ra
dhcp-range=2001:db8:77` + addresses + `
dhcp-option=option6:dns-server,[::]
`,
		LeaseFile: "dnsmasq.leases", Count: held(`(?m)^[1-9]\d* \S+ (2001:\S+) (\S)`),
	}
}

var kea = lab.Other{
	Command: "kea-dhcp6", Package: "kea-dhcp6-server", Ready: "DHCP6_STARTED",
	Args: []string{"-c", "FOLDER/kea6.json"}, ConfFile: "kea6.json",
	Conf: `{ "Dhcp6": {
	"interfaces-config": { "interfaces": [ "lan" ] },
	"lease-database": { "type": "memfile", "name": "FOLDER/kea-leases6.csv" },
	"server-id": { "type": "LL", "persist": false },
	"option-data": [ { "name": "dns-servers", "data": "2001:db8:77::1" } ],
	"subnet6": [ { "id": 1, "subnet": "2001:db8:77::/64", "interface": "lan", "pools": [ { "pool": "2001:db8:77::1000 - 2001:db8:77::ffff" } ] } ],
	"loggers": [ { "name": "kea-dhcp6", "severity": "INFO", "output_options": [ { "output": "stderr" } ] } ]
} }
`,
	// A row whose lifetime is 0 takes the address back.
	LeaseFile: "kea-leases6.csv", Count: held(`(?m)^(2001:[^,]*),[^,]*,([1-9])?`),
}

var dhcpd = lab.Other{
	Command: "dhcpd", Package: "isc-dhcp-server", Ready: "Server starting service",
	Args:     []string{"-6", "-f", "-d", "-cf", "FOLDER/dhcpd6.conf", "-lf", "FOLDER/dhcpd6.leases", "--no-pid", "lan"},
	ConfFile: "dhcpd6.conf", Conf: "subnet6 2001:db8:77::/64 { range6 2001:db8:77::1000 2001:db8:77::ffff; option dhcp6.name-servers 2001:db8:77::1; }\n",
	LeaseFile: "dhcpd6.leases", Count: held(`iaaddr (\S+) \{\s+binding state (active)?`),
}

var networkd = lab.Other{
	Command: "/lib/systemd/systemd-networkd", Package: "systemd", Ready: "Starting IPv6 Router Advertisements",
	ConfFile: "network/lan.network", Conf: `[Match]
Name=lan

[Network]
Address=2001:db8:77::1/64
KeepConfiguration=yes
LinkLocalAddressing=ipv6
IPv6AcceptRA=no
IPv6SendRA=yes

[IPv6SendRA]
EmitDNS=yes
DNS=_link_local

[IPv6Prefix]
Prefix=2001:db8:77::/64
`,
}

// held counts the addresses in a lease file whose last entry is of a lease in force:
// there the expression's second group, after that of the address, is not empty.
func held(entry string) func(string, time.Time) int {
	e := regexp.MustCompile(entry)
	return func(file string, _ time.Time) (n int) {
		last := map[string]bool{}
		for _, m := range e.FindAllStringSubmatch(file, -1) {
			last[m[1]] = m[2] != ""
		}
		for _, holds := range last {
			if holds {
				n++
			}
		}
		return n
	}
}

func (r router6) packages() (all []program) {
	for _, p := range r.programs {
		all = append(all, program{file: p.Command, pkg: p.Package})
	}
	return all
}

// Version is those of all packages.
func (r router6) Version() string {
	var all []string
	for _, p := range r.packages() {
		all = append(all, p.Version())
	}
	return strings.Join(all, ", ")
}

// Leases reports whether the router has any.
func (r row6) Leases() bool { return r.dhcp }

// try6 has n clients get what the router offers, in a lab of its own.
func try6(ctx context.Context, router router6, n int) (r row6, err error) {
	r = row6{router6: router, Clients: n}
	o := labOptions(lab.Builtin)
	o.Others6 = true
	l, err := lab.Start(o)
	if err != nil {
		return r, err
	}
	for _, p := range r.programs {
		if err = l.Run(p); err != nil {
			break
		}
	}
	if err == nil {
		err = r.meet(ctx, l)
	}
	return r, errors.Join(err, context.Cause(ctx), l.Close())
}

func (r *row6) meet(ctx context.Context, l *lab.Lab) error {
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: l.Parent + "-ours", DHCPTimeout: deadline, IPFamily: netmgr.Dual})
	if err != nil {
		return err
	}
	if err = m.CreateClients(ctx, r.Clients); err == nil {
		err = m.Await6(ctx)
	}
	for _, c := range m.Clients() {
		r.count(c)
	}
	for _, p := range m.PingAll(ctx, netmgr.Router6, netmgr.Ping{Count: 3}) {
		if p.Received > 0 {
			r.Answered++
		} else {
			fmt.Fprintf(os.Stderr, "%s: no answer from the router: %s\n", p.Client, p.Reason)
		}
	}
	for _, p := range m.Without6() {
		fmt.Fprintf(os.Stderr, "%s: no address: %s\n", p.Client, p.Err)
	}
	if err == nil {
		r.Held, err = l.Leases6()
	}
	r.Remarks = strings.Join(netmgr.RemarkLines(m.Remarks6(), r.Clients), "; ")
	if err = errors.Join(err, m.Cleanup(context.WithoutCancel(ctx))); err == nil {
		r.Left, err = l.LeasesLeft(ctx)
	}
	return err
}

// count adds what a client has.
func (r *row6) count(c *netmgr.Client) {
	all, leased := c.Global6(), c.ByDHCPv6()
	for _, a := range all {
		r.Last = max(r.Last, c.After6(a))
	}
	is := func(so bool) int {
		if so {
			return 1
		}
		return 0
	}
	names, _ := c.Names6()
	r.Global += is(len(all) > 0)
	r.Made += is(slices.ContainsFunc(all, func(a netmgr.Address6) bool { return a.Addr() != leased }))
	r.DHCP += is(leased.IsValid())
	r.Names += is(len(names) > 0)
}

// judge says what must not be.
func (r row6) judge() (wrong []string) {
	for _, want := range []struct {
		so   bool
		have int
		what string
	}{
		{r.slaac, r.Made, "have an address by SLAAC"},
		{r.dhcp, r.DHCP, "have an address by DHCPv6"},
		{r.dhcp, r.Held, "are in the server's lease file"},
		{true, r.Answered, "got an answer from the router by IPv6"},
	} {
		if want.so && want.have < r.Clients {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d clients %s", r.Name, want.have, r.Clients, want.what))
		}
	}
	if r.Left > 0 {
		wrong = append(wrong, fmt.Sprintf("%s, %d clients: %d leases are left with the server after cleanup", r.Name, r.Clients, r.Left))
	}
	return wrong
}
