package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Machine is what the figures are of.
type Machine struct {
	Processor string
	Cores     int
	Memory    int // bytes
	Kernel    string
}

func thisMachine() Machine {
	m := Machine{Processor: processor(), Cores: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if info, err := fs.Meminfo(); err == nil {
			m.Memory = value(info.MemTotalBytes)
		}
	}
	return m
}

// processor is a Raspberry Pi's name, or else that of the processor.
func processor() string {
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		return strings.TrimRight(string(model), "\x00\n")
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return runtime.GOARCH
}

// String is the machine in a line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %.1f GB of memory, %s", m.Processor, m.Cores, float64(m.Memory)/(1<<30), m.Kernel)
}

// Version is a program that took part.
type Version struct{ Program, Version string }

// programs are those that a suite needs besides lanstorm, with their Debian
// packages and how they tell their version.
var programs = []struct{ name, pkg, option string }{
	{"dnsmasq", "dnsmasq-base", "--version"},
	{"kea-dhcp4", "kea-dhcp4-server", "-v"},
	{"perfdhcp", "kea-admin", "-v"},
	{"dhclient", "isc-dhcp-client", "--version"},
	{"tcpdump", "tcpdump", "--version"},
	{"ip", "iproute2", "-V"},
	{"ping", "iputils-ping", "-V"},
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

func versions(lanstorm string) []Version {
	all := []Version{{"lanstorm", lanstorm}, {"Go", strings.TrimPrefix(runtime.Version(), "go")}}
	for _, p := range programs {
		out, _ := exec.Command(p.name, p.option).CombinedOutput()
		v := "unknown"
		if m := regexp.MustCompile(`\d+\.\d+[\w.-]*|\d{8}`).Find(out); m != nil {
			v = string(m)
		}
		all = append(all, Version{p.name, v})
	}
	return all
}
