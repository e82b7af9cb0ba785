package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Suite is all that is measured.
type Suite struct {
	// How many clients there are. By hand, more than a Few would take minutes.
	Few, Thousand, Crowd int
	Minute               time.Duration
	Only                 string // is measured of which this is in the name

	Date    time.Time
	Took    time.Duration
	Tester  record.Tester
	Servers string // their versions

	Rows     []bench.Row
	Others   []Other
	Rates    []Rate
	Pings    []Pings // of the Crowd, in each round
	Latency  Latency
	Storms   []Storm
	Checking time.Duration // that it takes a Thousand to check whether their addresses are free
	Standing Standing
	Dual     Dual

	Transfers []Transfer
	Fair      Fair
	Mixed     Mixed

	Problems []string // what could not be measured, and why
}

func newSuite(tenth bool) *Suite {
	r := &Suite{Few: 200, Thousand: 1000, Crowd: 4000, Minute: time.Minute, Date: time.Now(), Tester: record.ThisTester(version), Servers: servers()}
	if tenth {
		r.Few, r.Thousand, r.Crowd, r.Minute = 20, 100, 400, 6*time.Second
	}
	return r
}

// measure measures everything. What fails is told in Problems, and the rest is
// measured all the same. The error says that there were some, or that ctx has ended.
func (r *Suite) measure(ctx context.Context, s *bench.Session) error {
	defer func() { r.Took = time.Since(r.Date) }()
	try := func(what string, do func() error) {
		if ctx.Err() != nil || !strings.Contains(what, r.Only) {
			return
		}
		fmt.Fprintf(s.Progress, "%5.0fs  %s\n", time.Since(r.Date).Seconds(), what)
		if err := do(); err != nil {
			r.Problems = append(r.Problems, what+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	inLab := func(what string, server lab.Server, lease time.Duration, do func(*lab.Lab) error) {
		try(what, func() error { return s.InLab(server, lease, do) })
	}
	row := func(server lab.Server, n int, use bench.Use) {
		try(fmt.Sprintf("%d clients, %s", n, server), func() error {
			return keep(&r.Rows)(s.Measure(ctx, server, n, use))
		})
	}

	for _, n := range []int{r.Few / 4, r.Few} {
		row(lab.Dnsmasq, n, nil)
		inLab(fmt.Sprintf("%d clients by hand", n), lab.Dnsmasq, time.Hour, func(l *lab.Lab) error { return keep(&r.Others)(byHand(ctx, l, n)) })
	}
	for _, n := range []int{r.Few / 4, r.Few, r.Thousand, r.Crowd} {
		var use bench.Use
		if n == r.Crowd {
			use = func(l *lab.Lab, m *netmgr.NetworkManager) error { return keep(&r.Pings)(pingBoth(ctx, l, m)) }
		}
		row(lab.Kea, n, use)
		inLab(fmt.Sprintf("bare loop of %d", n), lab.Builtin, time.Hour, func(l *lab.Lab) error { return keep(&r.Others)(bareLoop(ctx, s, l, n)) })
	}
	for _, n := range []int{r.Thousand, 20 * r.Thousand} {
		inLab(fmt.Sprintf("perfdhcp with up to %d clients", n), lab.Kea, time.Hour, func(l *lab.Lab) error { return keep(&r.Rates)(perfdhcp(ctx, l, n)) })
	}
	for _, n := range []int{r.Thousand, r.Crowd} {
		row(lab.Builtin, n, nil)
	}
	for _, server := range []lab.Server{lab.Kea, lab.Builtin} {
		inLab("all at once, "+string(server), server, time.Hour, func(l *lab.Lab) error { return keep(&r.Storms)(storm(ctx, s, l, server, r.Thousand)) })
	}
	inLab("addresses looked at first", lab.Builtin, time.Hour, func(l *lab.Lab) (err error) {
		r.Checking, err = checking(ctx, s, l, r.Thousand)
		return err
	})
	inLab("pings for a minute", lab.Builtin, time.Hour, func(l *lab.Lab) (err error) {
		r.Latency, err = latency(ctx, s, l, r.Thousand, r.Minute)
		return err
	})
	inLab("clients that stand", lab.Builtin, r.Minute, func(l *lab.Lab) (err error) {
		r.Standing, err = standing(ctx, s, l, r.Thousand, r.Minute, 5*r.Minute)
		return err
	})
	inLab("IPv4 and IPv6", lab.Builtin, time.Hour, func(l *lab.Lab) (err error) {
		r.Dual, err = dual(ctx, s, l, r.Thousand, 5*r.Minute)
		return err
	})
	inLab("traffic", lab.Builtin, time.Hour, func(l *lab.Lab) error { return r.traffic(ctx, *s, l) })
	if ctx.Err() == nil && r.Problems != nil {
		return errors.New("could not be measured: " + strings.Join(r.Problems, "; "))
	}
	return context.Cause(ctx)
}

// keep returns a function that adds a result to results, unless there is an error.
func keep[T any](results *[]T) func(T, error) error {
	return func(result T, err error) error {
		if err == nil {
			*results = append(*results, result)
		}
		return err
	}
}

// with calls do with n clients, and removes them.
func with(ctx context.Context, s *bench.Session, opts netmgr.Options, n int, do func(*netmgr.NetworkManager) error) error {
	m, err := netmgr.New(opts)
	if err != nil {
		return err
	}
	if err = m.CreateClients(ctx, n); err == nil {
		err = do(m)
	}
	return errors.Join(err, m.Cleanup(s.Patience), context.Cause(ctx))
}

// find finds the one that is so. It is zero when that was not measured.
func find[T any](all []T, is func(T) bool) (found T) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		found = all[i]
	}
	return found
}

func (r *Suite) row(server string, n int) bench.Row {
	return find(r.Rows, func(row bench.Row) bool { return row.Server == server && row.Clients == n })
}

// other is what something else made.
func (r *Suite) other(way string, n int) Other {
	return find(r.Others, func(o Other) bool { return o.Way == way && o.Clients == n })
}

// transfer is what moved bytes.
func (r *Suite) transfer(what, by string) Transfer {
	return find(r.Transfers, func(t Transfer) bool { return t.What == what && t.By == by })
}
