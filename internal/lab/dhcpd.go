package lab

import (
	"os"
	"strings"
	"text/template"
	"time"
)

// dhcpdTemplate is a dhcpd.conf(5). Clients get the lease time of the lab,
// whatever they ask for, and the whole of it when they begin anew: without the
// cache threshold, only what is left of a lease that is new.
var dhcpdTemplate = template.Must(template.New("dhcpd.conf").Parse(`authoritative;
ping-check {{.PingCheck}};
default-lease-time {{.Seconds}};
min-lease-time {{.Seconds}};
max-lease-time {{.Seconds}};
dhcp-cache-threshold 0;
subnet {{.Subnet.Addr}} netmask {{.Mask}} {
	range {{.First}} {{.Last}};
	option domain-name "lan.example.test";
	{{if not .NoGateway}}option routers {{.Router}};{{end}}
	{{if not .NoDNS}}option domain-name-servers {{.Router}};{{end}}
}
`))

// serveDhcpd has the older DHCP server of the ISC (dhcpd(8)) serve in the router.
// Its files, dhcpd.conf and dhcpd.leases, are in /run/lanstorm/<parent> while
// the lab stands.
func (l *Lab) serveDhcpd() error {
	p, err := l.newProgram(Dhcpd, "dhcpd", "isc-dhcp-server", "Server starting service")
	if err != nil {
		return err
	}
	d := &configured{program: p, confFile: p.file("dhcpd.conf"), conf: dhcpdTemplate, leaseFile: p.file("dhcpd.leases"), count: countDhcpdLeases}
	p.words, p.blurb = unconfined(p.words), "If you think you have received this message due to a bug"
	d.args = []string{"-4", "-f", "-d", "-cf", d.confFile, "-lf", d.leaseFile, "--no-pid", "lan"}
	// It refuses to begin without one.
	d.prepare = func() error {
		file, err := os.OpenFile(d.leaseFile, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return file.Close()
	}
	return l.serveConfigured(d)
}

// countDhcpdLeases counts the leases in force in a dhcpd.leases(5): of each
// address the last entry holds.
func countDhcpdLeases(file string, now time.Time) int {
	held := map[string]bool{}
	for entry := range strings.SplitSeq(file, "\nlease ") {
		address, rest, ok := strings.Cut(entry, " {")
		if !ok {
			continue
		}
		held[address] = strings.Contains(rest, "\n  binding state active;") && !endsBefore(rest, now)
	}
	return count(held)
}

// endsBefore reports whether an entry says so: "ends 1 2026/11/24 09:00:00;" is a
// Monday in UTC, and there is "ends never;".
func endsBefore(entry string, now time.Time) bool {
	_, rest, _ := strings.Cut(entry, "\n  ends ")
	text, _, _ := strings.Cut(rest, ";")
	_, date, _ := strings.Cut(text, " ")
	end, err := time.Parse("2006/01/02 15:04:05", date)
	return err == nil && !end.After(now)
}

func count(held map[string]bool) (n int) {
	for _, is := range held {
		if is {
			n++
		}
	}
	return n
}
