package main

import (
	"cmp"
	"fmt"
	"os/exec"
	"slices"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// program is one that somebody else wrote.
type program struct {
	server lab.Server
	Name   string // for people
	file   string
	pkg    string // Debian's package of it
}

var servers = []program{
	{lab.Dnsmasq, "dnsmasq", "dnsmasq", "dnsmasq-base"},
	{lab.Dhcpd, "ISC dhcpd", "dhcpd", "isc-dhcp-server"},
	{lab.Udhcpd, "udhcpd", "udhcpd", "udhcpd"},
	{lab.Kea, "Kea", "kea-dhcp4", "kea-dhcp4-server"},
	{lab.Networkd, "systemd-networkd", "/lib/systemd/systemd-networkd", "systemd"},
}

var udhcpc = program{Name: "udhcpc", file: "udhcpc", pkg: "udhcpc"}

func choose(names []string) (chosen []program, err error) {
	for _, name := range names {
		i := slices.IndexFunc(servers, func(p program) bool { return string(p.server) == name })
		if i < 0 {
			return nil, fmt.Errorf("-servers: nobody here knows %q", name)
		}
		chosen = append(chosen, servers[i])
	}
	return chosen, nil
}

// missing lists the packages that are not installed: of the programs, and of udhcpc.
func missing(programs ...program) (packages []string) {
	for _, p := range append(programs[:len(programs):len(programs)], udhcpc) {
		if _, err := exec.LookPath(p.file); err != nil {
			packages = append(packages, p.pkg)
		}
	}
	return packages
}

// Version is that of the package: some of these programs do not tell their own.
func (p program) Version() string {
	version, _ := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.pkg).Output()
	return cmp.Or(string(version), "unknown")
}
