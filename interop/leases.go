package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// row is what a server made of a number of clients.
type row struct {
	program
	Clients       int
	Ours, Control outcome
	Resent        int // messages of ours
	Left          int // leases that the server holds when ours are gone; -1: it tells nobody
	Remarks       string
}

// outcome is what became of a number of clients.
type outcome struct {
	Bound int           // that got a lease in time
	Last  time.Duration // until the last of these had it
}

// The LAN has room for all clients, and for addresses that servers set aside.
func labOptions(server lab.Server) lab.Options {
	return lab.Options{Subnet: netip.MustParsePrefix("10.77.0.0/16"), Pool: 2000, LeaseTime: time.Hour, Server: server, PingCheck: true}
}

// try has n of our clients get a lease from the server, and then n of the
// control's from another that is new.
func try(ctx context.Context, p program, n int) (r row, err error) {
	r = row{program: p, Clients: n}
	for _, get := range []func(context.Context, *lab.Lab) error{r.ours, r.control} {
		l, err := lab.Start(labOptions(p.server))
		if err != nil {
			return r, err
		}
		if err := errors.Join(get(ctx, l), context.Cause(ctx), l.Close()); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ours fills in what became of our clients.
func (r *row) ours(ctx context.Context, l *lab.Lab) error {
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: l.Parent + "-ours", DHCPTimeout: deadline})
	if err != nil {
		return err
	}
	// Clients that have to wait for others before they ask have no more time. Only
	// making the links is extra.
	limited, cancel := context.WithTimeout(ctx, deadline+2*time.Second)
	defer cancel()
	err = m.CreateClients(limited, r.Clients)
	made := m.Creation()
	if errors.As(err, new(*netmgr.CreateError)) || errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintln(os.Stderr, err) // a result like any other, in the row
		err = nil
	}
	if err := errors.Join(err, m.Cleanup(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	r.Ours.Bound = made.Clients
	if made.Clients > 0 {
		r.Ours.Last = made.Leasing
	}
	r.Resent, r.Remarks = made.Resent, strings.Join(netmgr.RemarkLines(made.Remarks, r.Clients), "; ")
	r.Left, err = l.LeasesLeft(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Left, err = -1, nil
	}
	return err
}

//go:embed control.sh
var controlScript string

// control fills in what became of the control's clients.
func (r *row) control(ctx context.Context, l *lab.Lab) error {
	said, err := nstest.Script(ctx, controlScript, l.Parent, strconv.Itoa(r.Clients), fmt.Sprint(deadline.Seconds()))
	if err != nil {
		return fmt.Errorf("control.sh: %w", err)
	}
	_, err = fmt.Sscan(said, &r.Control.Bound, (*int64)(&r.Control.Last))
	return err
}

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

// missing lists the packages that are not installed.
func missing(programs ...program) (packages []string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p.file); err != nil && !slices.Contains(packages, p.pkg) {
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
