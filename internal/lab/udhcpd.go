package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// udhcpdTemplate is a udhcpd.conf(5).
var udhcpdTemplate = template.Must(template.New("udhcpd.conf").Parse(`interface lan
start {{.First}}
end {{.Last}}
max_leases {{.Pool}}
lease_file {{.Leases}}
pidfile /dev/null
opt lease {{.Seconds}}
opt subnet {{.Mask}}
opt domain lan.example.test
{{- range $name, $data := .Options}}
opt {{$name}} {{$data}}
{{- end}}
`))

// serveUdhcpd has the DHCP server of busybox serve in the router. Its files,
// udhcpd.conf and udhcpd.leases, are in /run/lanstorm/<parent> while the lab
// stands. Before it offers an address it looks for two seconds whether somebody
// has it, and does nothing else meanwhile; there is no setting against that.
func (l *Lab) serveUdhcpd() error {
	p, err := l.newProgram(Udhcpd, "udhcpd", "udhcpd", "started, v")
	if err != nil {
		return err
	}
	u := &configured{program: p, confFile: p.file("udhcpd.conf"), leaseFile: p.file("udhcpd.leases")}
	u.args = []string{"-f", u.confFile}
	u.render = func(c fault.Conditions) ([]byte, error) {
		options := l.options(c)
		names := map[string]string{}
		for name, ours := range map[string]string{"routers": "router", "domain-name-servers": "dns"} {
			if data, ok := options[name]; ok {
				names[ours] = data
			}
		}
		var b bytes.Buffer
		err := udhcpdTemplate.Execute(&b, map[string]any{
			"First":   l.firstLease(),
			"Last":    l.lastLease(c),
			"Pool":    c.Pool,
			"Leases":  u.leaseFile,
			"Seconds": int(c.LeaseTime.Seconds()),
			"Mask":    net.IP(net.CIDRMask(l.opts.Subnet.Bits(), 32)),
			"Options": names,
		})
		return b.Bytes(), err
	}
	u.count = func(leases string, _ time.Time) int { return countUdhcpdLeases(leases, l.opts.LeaseTime) }
	u.save = func() error { return writeUdhcpdLeases(p.cmd.Process.Pid, u.leaseFile) }
	return l.serveConfigured(u)
}

// saveTime is how long udhcpd may take to write its lease file: it may be
// looking whether an address is free.
const saveTime = 10 * time.Second

// writeUdhcpdLeases has the process write its lease file, which it does when it
// is told to by a signal, and waits for that.
func writeUdhcpdLeases(pid int, leaseFile string) error {
	if err := os.Remove(leaseFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	told := false
	for end := time.Now().Add(saveTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		switch {
		case !told && catchesUSR1(pid): // before that the signal would end it
			if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
				return fmt.Errorf("udhcpd: %w", err)
			}
			told = true
		case told && exists(leaseFile) && !hasOpen(pid, leaseFile):
			return nil
		}
	}
	return fmt.Errorf("udhcpd has not written its leases after %s", saveTime)
}

// catchesUSR1 reads the mask of caught signals in proc_pid_status(5).
func catchesUSR1(pid int) bool {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "\nSigCgt:\t")
	text, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(text, 16, 64)
	return err == nil && mask>>(syscall.SIGUSR1-1)&1 == 1
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func hasOpen(pid int, file string) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if target, _ := os.Readlink(link); target == file {
			return true
		}
	}
	return false
}

// udhcpdOfferTime is for how long an address that was offered is kept.
const udhcpdOfferTime = time.Minute

// countUdhcpdLeases counts the leases in force in a lease file of udhcpd: the
// time, and then for each address that it has given away or offered the seconds
// that are left, the address, the client's MAC address and its name (struct
// dyn_lease in networking/udhcp/dhcpd.h of busybox). The two can be told apart
// when leases are so long that they are renewed while more is left than an offer
// ever has.
func countUdhcpdLeases(file string, leaseTime time.Duration) (n int) {
	const head, size, mac, name = 8, 36, 8, 14
	var least time.Duration
	if leaseTime > 2*udhcpdOfferTime {
		least = udhcpdOfferTime
	}
	for i := head; i+size <= len(file); i += size {
		lease := []byte(file[i : i+size])
		declined := bytes.Equal(lease[mac:name], make([]byte, name-mac))
		left := time.Duration(int32(binary.BigEndian.Uint32(lease))) * time.Second
		if left > least && !declined {
			n++
		}
	}
	return n
}
