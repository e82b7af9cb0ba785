package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/lanstorm/lanstorm/internal/fault"
)

// dnsmasq is the program of that name (dnsmasq(8)), run in the router as its
// DHCP and DNS server. Its lease file is /run/lanstorm/<parent>/dnsmasq.leases
// while the lab stands.
type dnsmasq struct {
	*program
	args []string // that it runs with, but for those that never change
}

func (l *Lab) serveDnsmasq() error {
	p, err := l.newProgram(Dnsmasq, "dnsmasq", "dnsmasq-base", ": started, version")
	if err != nil {
		return err
	}
	l.server = &dnsmasq{program: p}
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
	return d.run()
}

func (d *dnsmasq) forget() error {
	d.stop()
	if err := os.Remove(d.leaseFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return d.run()
}

func (d *dnsmasq) linkIsUp() error { return nil }

func (d *dnsmasq) leases() (int, error) {
	file, err := os.ReadFile(d.leaseFile())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	return bytes.Count(file, []byte("\n")), err
}

func (d *dnsmasq) leaseFile() string { return d.file("dnsmasq.leases") }

func (d *dnsmasq) run() error {
	return d.start(append([]string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=" + d.file("dnsmasq.pid"), "--user=root", "--log-facility=-",
		"--interface=lan", "--bind-interfaces", "--except-interface=lo",
		"--no-resolv", "--no-hosts", "--server=" + googleDNS.String(),
		"--dhcp-leasefile=" + d.leaseFile(), "--dhcp-authoritative",
		"--domain=lan.example.test",
	}, d.args...)...)
}

// dnsmasqFaults are the arguments that c decides about.
func (l *Lab) dnsmasqFaults(c fault.Conditions) []string {
	args := []string{fmt.Sprintf("--dhcp-lease-max=%d", c.Pool)}
	if !l.opts.PingCheck {
		args = append(args, "--no-ping")
	}
	if !c.SilentDHCP {
		args = append(args, fmt.Sprintf("--dhcp-range=%s,%s,%d", l.firstLease(), l.lastLease(c), int(c.LeaseTime.Seconds())))
	}
	if c.NoGateway {
		args = append(args, "--dhcp-option=option:router")
	}
	if c.NoDNS {
		args = append(args, "--dhcp-option=option:dns-server")
	}
	return args
}
