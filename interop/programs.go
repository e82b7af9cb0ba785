package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// program is one that somebody else wrote.
type program struct {
	server lab.Server
	name   string // that people know it by
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

var udhcpc = program{name: "udhcpc", file: "udhcpc", pkg: "udhcpc"}

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

// missing are the packages of the programs that are not installed.
func missing(programs []program) (packages []string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p.file); err != nil {
			packages = append(packages, p.pkg)
		}
	}
	return packages
}

// version is that of the package: not every one of these programs tells its own.
func (p program) version() string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.pkg).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
