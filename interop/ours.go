package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// The LAN has room for all clients, and for addresses that servers set aside.
var subnet = netip.MustParsePrefix("10.77.0.0/16")

const (
	pool        = 2000
	mostClients = 1000
	leaseTime   = time.Hour
	grace       = 2 * time.Second // to make the links
)

func labOptions(server lab.Server) lab.Options {
	return lab.Options{Subnet: subnet, Pool: pool, LeaseTime: leaseTime, Server: server, PingCheck: true}
}

// inLab calls do with a lab that stands for as long.
func inLab(server lab.Server, do func(*lab.Lab) error) error {
	l, err := lab.Start(labOptions(server))
	if err != nil {
		return err
	}
	return errors.Join(do(l), l.Close())
}

// ours fills in what became of our clients.
func (r *row) ours(ctx context.Context, l *lab.Lab) error {
	m, err := netmgr.New(netmgr.Options{Parent: l.Parent, Prefix: l.Parent + "-ours", DHCPTimeout: deadline})
	if err != nil {
		return err
	}
	// Clients that have to wait for others before they ask have no more time.
	limited, cancel := context.WithTimeout(ctx, deadline+grace)
	defer cancel()
	err = m.CreateClients(limited, r.Clients)
	figures := m.Creation()
	if err := errors.Join(m.Cleanup(context.WithoutCancel(ctx)), context.Cause(ctx)); err != nil {
		return err
	}
	var some *netmgr.CreateError
	switch {
	case errors.As(err, &some), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(os.Stderr, "%s, %d clients: %v\n", r.Server, r.Clients, err)
	case err != nil:
		return err
	}
	r.Ours = outcome{Bound: figures.Clients}
	if figures.Clients > 0 {
		r.Ours.Last = figures.Leasing
	}
	r.Resent, r.Remarks = figures.Resent, cmp.Or(strings.Join(netmgr.RemarkLines(figures.Remarks, r.Clients), "; "), "-")
	left, err := l.LeasesLeft(ctx)
	r.Left = strconv.Itoa(left)
	if errors.Is(err, errors.ErrUnsupported) {
		r.Left, err = unknown, nil
	}
	return errors.Join(err, context.Cause(ctx))
}

// unknown is said of what a server tells nobody.
const unknown = "-"
