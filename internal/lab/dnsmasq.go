package lab

import (
	"strings"
	"text/template"
	"time"
)

// dnsmasqTemplate is what dnsmasq(8) reads in place of options.
var dnsmasqTemplate = template.Must(template.New("dnsmasq.conf").Parse(`keep-in-foreground
pid-file
user=root
log-facility=-
interface=lan
bind-interfaces
except-interface=lo
no-resolv
no-hosts
server=8.8.8.8
domain=lan.example.test
dhcp-authoritative
dhcp-leasefile={{.Leases}}
dhcp-lease-max={{if .First6.IsValid}}16777216{{else}}{{.Pool}}{{end}}
{{if not .PingCheck}}no-ping{{end}}
{{if not .SilentDHCP}}dhcp-range={{.First}},{{.Last}},{{.Seconds}}{{end}}
{{if .Range6}}enable-ra
ra-param=lan,10,1800
dhcp-range={{if .First6.IsValid}}{{.First6}},{{.Last6}}{{else}}{{.Prefix6.Addr}}{{end}},{{.Range6}}{{if .First6.IsValid}},{{if lt .Seconds 2700}}{{.Seconds}}{{else}}2700{{end}}{{end}}
dhcp-option=option6:dns-server,[{{.Router6}}]
dhcp-option=option6:domain-search,lan.example.test
{{end}}
{{if .NoGateway}}dhcp-option=option:router{{end}}
{{if .NoDNS}}dhcp-option=option:dns-server{{end}}
`))

// dnsmasqRanges are what a range of addresses is for. Its prefix is valid and preferred for
// the same time, and leases last as long: so for no longer than RFC 9096 has for the latter.
var dnsmasqRanges = map[IPv6]string{SLAAC: "ra-only,64,2700", Stateless: "ra-stateless,64,2700", Stateful: "64", Both: "slaac,64"}

// countDnsmasqLeases counts the lines of a lease file: those of IPv6 come after one with
// the server's identifier.
func countDnsmasqLeases(leases string) (four, six int) {
	n := &four
	for line := range strings.Lines(leases) {
		if strings.HasPrefix(line, "duid ") {
			n = &six
		} else {
			*n++
		}
	}
	return four, six
}

// serveDnsmasq has dnsmasq serve DHCP and DNS in the router. Its files,
// dnsmasq.conf and dnsmasq.leases, are in /run/lanstorm/<parent> while the lab
// stands.
func (l *Lab) serveDnsmasq() error {
	p, err := l.newProgram(Dnsmasq, "dnsmasq", "dnsmasq-base", ": started, version")
	if err != nil {
		return err
	}
	d := &configured{program: p, confFile: p.file("dnsmasq.conf"), conf: dnsmasqTemplate, leaseFile: p.file("dnsmasq.leases"), names: true}
	d.args = []string{"--conf-file=" + d.confFile}
	d.ipv6 = l.opts.IPv6 != NoIPv6
	d.count = func(leases string, _ time.Time) int { four, _ := countDnsmasqLeases(leases); return four }
	six := *d
	six.count = func(leases string, _ time.Time) int { _, six := countDnsmasqLeases(leases); return six }
	l.ipv6.count = six.leases
	return l.serveConfigured(d)
}
