package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// udhcpdTemplate is a udhcpd.conf(5). Without min_lease whoever asks for a lease
// time gets a minute or more, also where leases are for less.
var udhcpdTemplate = template.Must(template.New("udhcpd.conf").Parse(`interface lan
start {{.First}}
end {{.Last}}
max_leases {{.Pool}}
lease_file {{.Leases}}
pidfile /dev/null
opt lease {{.Seconds}}
min_lease {{.Seconds}}
opt subnet {{.Mask}}
opt domain lan.example.test
{{if not .NoGateway}}opt router {{.Router}}{{end}}
{{if not .NoDNS}}opt dns {{.Router}}{{end}}
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
	u := &configured{program: p, confFile: p.file("udhcpd.conf"), conf: udhcpdTemplate, leaseFile: p.file("udhcpd.leases")}
	u.args = []string{"-f", u.confFile}
	u.count = func(leases string, _ time.Time) int { return countUdhcpdLeases(leases, l.now.LeaseTime) }
	u.save = func() error { return writeUdhcpdLeases(p.cmd.Process.Pid, u.leaseFile) }
	return l.serveConfigured(u)
}

// saveTime is how long udhcpd may take to write its lease file: it may be
// looking whether an address is free.
const saveTime = 10 * time.Second

// writeUdhcpdLeases has the process write its lease file, which it does when it
// is told to by a signal, and waits for that.
func writeUdhcpdLeases(pid int, leaseFile string) error {
	end := time.Now().Add(saveTime)
	// Before it listens, the signal may end it, and it may not have read the file.
	if !by(end, func() bool { return listens(pid) }) {
		return fmt.Errorf("udhcpd does not listen after %s", saveTime)
	}
	if err := os.Remove(leaseFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		return fmt.Errorf("udhcpd: %w", err)
	}
	if !by(end, func() bool { return begun(leaseFile) && !hasOpen(pid, leaseFile) }) {
		return fmt.Errorf("udhcpd has not written its leases after %s", saveTime)
	}
	return nil
}

// listens reports whether somebody in the namespace of the process listens on
// the port of DHCP servers, 67 (proc_pid_net(5)).
func listens(pid int) bool {
	sockets, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", pid))
	return strings.Contains(string(sockets), ":0043 ")
}

// begun reports whether something is in a file. One that is only there may be
// open to a process that does not have its descriptor yet.
func begun(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > 0
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
