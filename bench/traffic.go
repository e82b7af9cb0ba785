package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/procfs"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/workload"
	"github.com/lanstorm/lanstorm/netmgr"
	"github.com/lanstorm/lanstorm/steps"
)

// Where the lab's web server is, and nginx.
const (
	webServer = "198.51.100.80"
	nginx     = webServer + ":8080"
)

func (r *Suite) traffic(ctx context.Context, s bench.Session, l *lab.Lab) error {
	var errs [3]error
	s.Repeat = 5
	r.Transfers, errs[0] = transfers(ctx, &s, l, r.Few/4, max(time.Second, r.Minute/12))
	r.Fair, errs[1] = fair(ctx, &s, l, r.Few)
	r.Mixed, errs[2] = mixed(ctx, &s, l, r.Few/2, r.Minute, 10*r.Minute)
	return errors.Join(errs[:]...)
}

// Transfer is bytes that went through the lab's NAT for a while, over so many
// connections at once.
type Transfer struct {
	What, By string
	Streams  int
	Rate     float64 // content, in Gbit/s
	CPU      float64 // seconds in which a processor of this machine was busy, for each GB
}

// moved is bytes of content, and the seconds that they took.
type moved struct{ bytes, seconds float64 }

// transfers has n clients move bytes at once, each over one connection, and iperf3
// as many streams over the same path, in turn, each for a time d. It returns the
// medians.
func transfers(ctx context.Context, s *bench.Session, l *lab.Lab, n int, d time.Duration) (all []Transfer, err error) {
	internet, err := namespace.Open(l.Namespaces()[1])
	if err != nil {
		return nil, err
	}
	defer internet.Close()
	stop, err := nstest.Nginx(nginx, 1e9, internet.Start)
	if err != nil {
		return nil, err
	}
	defer stop()
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		ours := func(work workload.Work) func() (moved, error) {
			return func() (moved, error) { return move(ctx, m, work, d) }
		}
		theirs := func(more ...string) func() (moved, error) {
			client := []string{l.Namespaces()[1], m.Clients()[0].Name, webServer, "-P", strconv.Itoa(n), "-t", strconv.Itoa(int(d.Seconds()))}
			return func() (moved, error) { return iperf3(ctx, append(client, more...)...) }
		}
		ways := []struct {
			what, by  string
			move      func() (moved, error)
			rate, cpu []float64
		}{
			{what: "download", by: "lanstorm", move: ours(workload.Download{URL: "http://" + webServer + "/100GB.zip"})},
			{what: "download", by: "lanstorm, from nginx", move: ours(workload.Download{URL: "http://" + nginx + "/file.zip"})},
			{what: "download", by: "iperf3", move: theirs("-R", "-C", "cubic")},
			{what: "upload", by: "lanstorm", move: ours(workload.Upload{URL: "http://" + webServer + "/upload", Bytes: 100e9})},
			{what: "upload", by: "iperf3", move: theirs()},
		}
		for range s.Repeat {
			for i := range ways {
				w, before := &ways[i], busy()
				got, err := w.move()
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.what, w.by, err)
				}
				w.rate, w.cpu = append(w.rate, got.bytes*8e-9/got.seconds), append(w.cpu, (busy()-before)/(got.bytes*1e-9))
			}
		}
		for _, w := range ways {
			all = append(all, Transfer{w.what, w.by, n, median(w.rate), median(w.cpu)})
		}
		return nil
	})
	return all, err
}

// move has all clients work for a time.
func move(ctx context.Context, m *netmgr.NetworkManager, work workload.Work, d time.Duration) (all moved, err error) {
	for _, r := range workload.Run(ctx, jobs(m, work), workload.Schedule{For: d}).Clients {
		all.bytes, all.seconds = all.bytes+float64(r.Bytes), max(all.seconds, r.Took.Seconds())
		if r.Reason != "" {
			err = fmt.Errorf("%s: %s", r.Client, r.Reason)
		}
	}
	return all, err
}

//go:embed iperf3.sh
var iperf3Script string

func iperf3(ctx context.Context, args ...string) (moved, error) {
	var r struct {
		End struct {
			Received struct{ Bytes, Seconds float64 } `json:"sum_received"`
		}
	}
	report, err := nstest.Script(ctx, iperf3Script, args...)
	if err = errors.Join(err, json.Unmarshal([]byte(report), &r)); err != nil {
		return moved{}, fmt.Errorf("%w: %s", err, report)
	}
	return moved{r.End.Received.Bytes, r.End.Received.Seconds}, nil
}

// jobs gives each client one of the works, in turn.
func jobs(m *netmgr.NetworkManager, works ...workload.Work) (all []workload.Job) {
	for i, c := range m.Clients() {
		all = append(all, workload.Job{Client: steps.Worker(m, c, nil), Work: works[i%len(works)]})
	}
	return all
}

// busy is for how many seconds the processors of this machine were busy since it
// began. That has the softirqs, too, in which the kernel carries packets.
func busy() float64 {
	fs, _ := procfs.NewDefaultFS()
	stat, _ := fs.Stat()
	c := stat.CPUTotal
	return c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ
}

// Fair is clients that all download a file at once, several times.
type Fair struct {
	Clients, Right int     // those who got all of it, and no more, in the worst round
	Jain           float64 // of their goodputs, the median
}

func fair(ctx context.Context, s *bench.Session, l *lab.Lab, n int) (r Fair, err error) {
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		var rounds []float64
		r = Fair{n, n, 0}
		for range s.Repeat {
			o := workload.Run(ctx, jobs(m, workload.Download{URL: "http://" + webServer + "/20MB.zip"}), workload.Schedule{})
			right := 0
			for _, c := range o.Clients {
				if c.Operations == 1 && c.Bytes == 20e6 {
					right++
				}
			}
			r.Right, rounds = min(r.Right, right), append(rounds, measure.Jain(o.Shares()))
		}
		r.Jain = median(rounds)
		return nil
	})
	return r, err
}

// Mixed is clients that do different things, again and again.
type Mixed struct {
	Clients, Done, Failed int        // how many there are, and what they did
	Early, End            bench.Held // by this process
}

func mixed(ctx context.Context, s *bench.Session, l *lab.Lab, n int, early, d time.Duration) (r Mixed, err error) {
	// Else they would move what the processors can, and do little besides.
	if err := l.Break("line 200/200 Mbit/s"); err != nil {
		return r, err
	}
	err = with(ctx, s, s.Clients(l), n, func(m *netmgr.NetworkManager) error {
		running := workload.Start(ctx, jobs(m,
			workload.Download{URL: "http://" + webServer + "/1MB.zip"},
			workload.Upload{URL: "http://" + webServer + "/upload", Bytes: 1e6},
			workload.Video{URL: "http://" + webServer + "/vod/master.m3u8", Duration: 20 * time.Second, Startup: 10 * time.Second, MaxStall: 1},
			workload.Ping{Count: 2, Interval: time.Second, Timeout: 2 * time.Second},
			workload.Resolve{Name: "example.test"},
			workload.Connect{Ports: []int{53, 80}},
		), workload.Schedule{For: 2 * d})
		r = Mixed{Clients: n, Early: rest(ctx, early), End: rest(ctx, d-early)}
		for _, c := range running.Stop().Clients {
			r.Done, r.Failed = r.Done+c.Operations, r.Failed+c.Failed()
		}
		return nil
	})
	return r, err
}
