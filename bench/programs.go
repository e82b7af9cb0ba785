package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// programs are those that all this needs besides lanstorm, with the Debian
// packages that they are in.
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
	return errors.New("not installed: " + strings.Join(missing, ", ") + "; install them with: apt install " + strings.Join(packages, " "))
}

// version of lanstorm; the Makefile sets it to what `git describe` says.
var version = "(unknown)"

// versions are those of lanstorm, Go and the packages.
func versions() string {
	all := "lanstorm " + version + ", Go " + strings.TrimPrefix(runtime.Version(), "go")
	for _, p := range programs {
		version, _ := exec.Command("dpkg-query", "-W", "-f", "${Version}", p.pkg).Output()
		all += fmt.Sprintf(", %s %s", p.pkg, version)
	}
	return all
}

// machine tells what the figures are of: a Raspberry Pi's name, or else that of
// the processor, and so on.
func machine() string {
	name := runtime.GOARCH
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		name = strings.TrimRight(string(model), "\x00\n")
	} else if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); m != nil {
			name = string(m[1])
		}
	}
	var info unix.Sysinfo_t
	_ = unix.Sysinfo(&info)
	kernel, _ := exec.Command("uname", "-srm").Output()
	return fmt.Sprintf("%s, %d cores, %.1f GB of memory, %s", name, runtime.NumCPU(),
		float64(info.Totalram)*float64(info.Unit)/(1<<30), strings.TrimSpace(string(kernel)))
}
