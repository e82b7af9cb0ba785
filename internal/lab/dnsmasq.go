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
dhcp-lease-max={{.Pool}}
{{if not .PingCheck}}no-ping{{end}}
{{if not .SilentDHCP}}dhcp-range={{.First}},{{.Last}},{{.Seconds}}{{end}}
{{if .NoGateway}}dhcp-option=option:router{{end}}
{{if .NoDNS}}dhcp-option=option:dns-server{{end}}
`))

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
	d.count = func(leases string, _ time.Time) int { return strings.Count(leases, "\n") }
	return l.serveConfigured(d)
}
