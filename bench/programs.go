package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// programs are what all this needs besides lanstorm, with the Debian packages that
// have them.
var programs = []struct{ name, pkg string }{
	{"dnsmasq", "dnsmasq-base"},
	{"kea-dhcp4", "kea-dhcp4-server"},
	{"perfdhcp", "kea-admin"},
	{"dhclient", "isc-dhcp-client"},
	{"tcpdump", "tcpdump"},
	{"ip", "iproute2"},
	{"ping", "iputils-ping"},
}

// installed says which programs are not there, and how to get them.
func installed() error {
	var missing, packages []string
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			missing, packages = append(missing, p.name), append(packages, p.pkg)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("not installed: %s; install them with: apt install %s", strings.Join(missing, ", "), strings.Join(packages, " "))
}

// servers lists the versions of the DHCP servers, each as ", dnsmasq-base 2.90".
func servers() string {
	all, _ := exec.Command("dpkg-query", "-W", "-f", ", ${Package} ${Version}", "dnsmasq-base", "kea-dhcp4-server").Output()
	return string(all)
}
