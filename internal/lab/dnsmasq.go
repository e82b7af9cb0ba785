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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lanstorm/lanstorm/internal/journal"
)

// startTime is how long a program may take until it serves.
const startTime = 5 * time.Second

// serveDnsmasq runs dnsmasq(8) in the router as its DHCP and DNS server. Its
// lease file is /run/lanstorm/<parent>/dnsmasq.leases while the lab stands.
func (l *Lab) serveDnsmasq() error {
	if l.broken(SilentDNS) {
		return fmt.Errorf("fault %s: dnsmasq cannot be silent, use the builtin server", SilentDNS)
	}
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
	leases := filepath.Join(dir, "dnsmasq.leases")
	cmd := exec.Command(program, l.dnsmasqArgs(leases)...)
	// It forks for every TCP query, so it gets a group of its own to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logs, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := l.router.Do(cmd.Start); err != nil {
		return fmt.Errorf("dnsmasq: %w", err)
	}
	l.defers(func() error {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // says that it was killed
		return nil
	})
	if err := awaitDnsmasq(logs); err != nil {
		return fmt.Errorf("dnsmasq: %w", err)
	}
	l.leases = func() (int, error) {
		file, err := os.ReadFile(leases)
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		return bytes.Count(file, []byte("\n")), err
	}
	return nil
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
	args := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=" + pidFile(l.Parent), "--user=root", "--log-facility=-",
		"--interface=lan", "--bind-interfaces", "--except-interface=lo",
		"--no-resolv", "--no-hosts", "--server=" + googleDNS.String(),
		"--dhcp-leasefile=" + leases, "--dhcp-authoritative", "--no-ping",
		fmt.Sprintf("--dhcp-lease-max=%d", l.opts.Pool),
		"--domain=lan.example.test",
	}
	if !l.broken(SilentDHCP) {
		first := l.firstLease()
		args = append(args, fmt.Sprintf("--dhcp-range=%s,%s,%d", first, nth(first, l.opts.Pool-1), int(l.opts.LeaseTime.Seconds())))
	}
	if l.broken(NoGateway) {
		args = append(args, "--dhcp-option=option:router")
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
