package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/journal"
)

// startTime is how long a program may take until it serves.
const startTime = 5 * time.Second

// dnsmasq is the program of that name (dnsmasq(8)), run in the router as its
// DHCP and DNS server. Its lease file is /run/lanstorm/<parent>/dnsmasq.leases
// while the lab stands.
type dnsmasq struct {
	lab       *Lab
	program   string
	leaseFile string
	cmd       *exec.Cmd // nil while it does not run
	args      []string  // that it runs with, but for those that never change
}

func (l *Lab) serveDnsmasq() error {
	program, err := exec.LookPath("dnsmasq")
	if err != nil {
		return errors.New("the server is to be dnsmasq, which is not installed: " +
			"install it (apt install dnsmasq-base) or set lab.server to builtin")
	}
	dir := filepath.Join(journal.Dir, l.Parent)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	l.defers(func() error {
		err := os.RemoveAll(dir)
		_ = os.Remove(journal.Dir) // fails, rightly, while others use it
		return err
	})
	d := &dnsmasq{lab: l, program: program, leaseFile: filepath.Join(dir, "dnsmasq.leases")}
	l.server = d
	l.defers(func() error { d.stop(); return nil })
	return nil
}

// obey runs dnsmasq anew when c changes what it is told at its start. It reads
// its leases from their file then.
func (d *dnsmasq) obey(c fault.Conditions) error {
	args := d.lab.dnsmasqFaults(c)
	if d.cmd != nil && slices.Equal(args, d.args) {
		return nil
	}
	d.stop()
	d.args = args
	return d.start()
}

func (d *dnsmasq) forget() error {
	d.stop()
	if err := os.Remove(d.leaseFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return d.start()
}

func (d *dnsmasq) start() error {
	cmd := exec.Command(d.program, append(d.lab.dnsmasqArgs(d.leaseFile), d.args...)...)
	// It forks for every TCP query, so it gets a group of its own to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logs, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := d.lab.router.Do(cmd.Start); err != nil {
		return fmt.Errorf("dnsmasq: %w", err)
	}
	d.cmd = cmd
	if err := awaitDnsmasq(logs); err != nil {
		return fmt.Errorf("dnsmasq: %w", err)
	}
	return nil
}

func (d *dnsmasq) stop() {
	if d.cmd == nil {
		return
	}
	_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	_ = d.cmd.Wait() // says that it was killed
	d.cmd = nil
}

func (d *dnsmasq) linkIsUp() error { return nil }

func (d *dnsmasq) leases() (int, error) {
	file, err := os.ReadFile(d.leaseFile)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return bytes.Count(file, []byte("\n")), err
}

func pidFile(parent string) string { return filepath.Join(journal.Dir, parent, "dnsmasq.pid") }

// killDnsmasq ends the dnsmasq of a lab whose own process died.
func killDnsmasq(parent string) error {
	text, err := os.ReadFile(pidFile(parent))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if !bytes.Contains(cmdline, []byte(pidFile(parent))) { // gone, and its number another's
		return nil
	}
	return syscall.Kill(-pid, syscall.SIGKILL)
}

func (l *Lab) dnsmasqArgs(leases string) []string {
	return []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=" + pidFile(l.Parent), "--user=root", "--log-facility=-",
		"--interface=lan", "--bind-interfaces", "--except-interface=lo",
		"--no-resolv", "--no-hosts", "--server=" + googleDNS.String(),
		"--dhcp-leasefile=" + leases, "--dhcp-authoritative", "--no-ping",
		"--domain=lan.example.test",
	}
}

// dnsmasqFaults are the arguments that c decides about.
func (l *Lab) dnsmasqFaults(c fault.Conditions) []string {
	args := []string{fmt.Sprintf("--dhcp-lease-max=%d", c.Pool)}
	if !c.SilentDHCP {
		first := l.firstLease()
		args = append(args, fmt.Sprintf("--dhcp-range=%s,%s,%d", first, nth(first, c.Pool-1), int(c.LeaseTime.Seconds())))
	}
	if c.NoGateway {
		args = append(args, "--dhcp-option=option:router")
	}
	if c.NoDNS {
		args = append(args, "--dhcp-option=option:dns-server")
	}
	return args
}

// awaitDnsmasq returns when dnsmasq says that it serves, and from then on
// keeps its log from filling the pipe.
func awaitDnsmasq(logs io.Reader) error {
	said := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(logs)
		var last string
		for lines.Scan() {
			last = lines.Text()
			if strings.Contains(last, ": started, version") {
				said <- nil
				_, _ = io.Copy(io.Discard, logs)
				return
			}
		}
		said <- fmt.Errorf("ended at once: %s", last)
	}()
	select {
	case err := <-said:
		return err
	case <-time.After(startTime):
		return fmt.Errorf("not ready after %s", startTime)
	}
}
