package steps

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/workload"
	"github.com/lanstorm/lanstorm/netmgr"
)

// mixed is the sentences about clients that do different things at one time.
func (w *world) mixed() []sentence {
	const table = "a table: | clients | doing |, with rows such as | 10 | streaming a video |; what can be done: "
	return []sentence{
		{`I assign a random workload to each client for <time>`, "each gets one by chance (stress.seed), and begins when the next sentence says so", w.assignRandom},
		{`a stress scenario manager with duration <n> seconds and download URL "<name>"`, "the same, for all clients that there are then, and downloads are of this URL", w.assignStress},
		{`I start the stress test`, "the workloads assigned are done, again and again, until their time is over", w.startMix},
		{`I should see results for each namespace`, "each client did its work at least once, and never failed; starts it, if nobody has", w.seeResults},
		{`the clients do this for <time>[:]`, table + strings.Join(slices.Sorted(maps.Keys(doings)), ", "), w.doThis},
		{`the clients keep doing this[:]`, "the same, beside the next sentences, until everything stops or the scenario ends", w.keepDoingThis},
		{`everything stops`, "no client does anything any more; those that failed meanwhile are told", w.stops("")},
	}
}

// doings are what clients can do, in the words of a table: the work of the i-th of
// them, or nil for nothing.
var doings = map[string]func(*world) (func(i int) workload.Work, error){
	"downloading": func(w *world) (func(int) workload.Work, error) {
		work, err := w.downloading()
		return same(work), err
	},
	"uploading": func(w *world) (func(int) workload.Work, error) {
		work, err := w.uploading(20e6)
		return same(work), err
	},
	"streaming a video":  (*world).streaming,
	"pinging the router": func(w *world) (func(int) workload.Work, error) { return w.pinging(toRouter), nil },
	"pinging Google DNS": func(w *world) (func(int) workload.Work, error) { return w.pinging(toInternet), nil },
	"connecting to the router": func(w *world) (func(int) workload.Work, error) {
		return same(workload.Connect{Ports: routersPorts}), nil
	},
	"resolving names": (*world).resolving,
	"idle":            nil,
}

// routersPorts are those that a home router has open, or refuses: DNS, HTTP, HTTPS.
var routersPorts = []int{53, 80, 443}

func (w *world) resolving() (func(int) workload.Work, error) {
	address, err := w.downloadURL()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return same(workload.Resolve{Name: u.Hostname()}), nil
}

// bounded refuses a time in which nothing can be done, or which is a monitor's.
func bounded(d time.Duration) error {
	if d < time.Second || d > maxMeasure {
		return refuse("%s: ask for %s to %s", d, time.Second, maxMeasure)
	}
	return nil
}

func (w *world) assignRandom(d time.Duration) error {
	if err := bounded(d); err != nil {
		return err
	}
	w.assigned = d
	return nil
}

func (w *world) assignStress(seconds int, page webPage) error {
	w.source = string(page)
	return w.assignRandom(time.Duration(min(max(seconds, 0), 1e6)) * time.Second)
}

// startMix has each client do something else, by chance.
func (w *world) startMix(ctx context.Context) error {
	if w.assigned == 0 {
		return refuse(`no workload is assigned: say "I assign a random workload to each client for 30 seconds" first`)
	}
	m, err := w.standing()
	if err != nil {
		return err
	}
	seed := w.config().Stress.Seed
	if seed == 0 {
		seed = 1 + rand.IntN(1<<31-1)
	}
	w.suite.chronicle.message("note", "which client does what: stress.seed %d", seed)
	var all []*busy
	for _, doing := range slices.Sorted(maps.Keys(doings)) {
		b, err := w.doing(doing)
		switch {
		case err != nil: // a URL that is not set: the others will do
			w.suite.chronicle.message("note", "nobody is %s: %s", doing, err)
		case b != nil:
			all = append(all, b)
		}
	}
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	for _, c := range m.Clients() {
		b := all[chance.IntN(len(all))]
		b.clients = append(b.clients, c)
	}
	all = slices.DeleteFunc(all, func(b *busy) bool { return b.clients == nil })
	lasts := w.assigned
	w.assigned = 0
	return w.do(ctx, workload.Schedule{For: lasts}, all...)
}

func (w *world) seeResults(ctx context.Context) error {
	if w.assigned > 0 {
		if err := w.startMix(ctx); err != nil {
			return err
		}
	}
	if w.worked == nil {
		return refuse(`no client has done anything yet: say "I start the stress test" first`)
	}
	if err := verdictOn(w.worked); err != nil {
		return err
	}
	var nothing []netmgr.Problem
	for _, b := range w.worked {
		for _, r := range b.outcome.Clients {
			if r.Operations == 0 && r.Bytes == 0 {
				nothing = append(nothing, workProblem(r, fmt.Sprintf("did not get to the end of one %s", r.Kind)))
			}
		}
	}
	return verdict(w.m, "have no results", nothing)
}

func (w *world) doThis(ctx context.Context, d time.Duration, table *godog.Table) error {
	if err := bounded(d); err != nil {
		return err
	}
	all, err := w.household(table)
	if err != nil {
		return err
	}
	if err := w.do(ctx, workload.Schedule{For: d}, all...); err != nil {
		return err
	}
	return verdictOn(all)
}

func (w *world) keepDoingThis(table *godog.Table) error {
	all, err := w.household(table)
	if err != nil {
		return err
	}
	w.keep(all...)
	return nil
}

// doing is work in the words of a table; nil for none.
func (w *world) doing(what string) (*busy, error) {
	do := doings[what]
	if do == nil {
		return nil, nil
	}
	work, err := do(w)
	if err != nil {
		return nil, err
	}
	return &busy{kind: work(0).Kind(), what: what, work: work}, nil
}

// fits refuses a table that no clients could follow, however many there are.
func fits(table *godog.Table) error {
	rows := table.Rows
	if len(rows) < 2 || len(rows[0].Cells) != 2 || rows[0].Cells[0].Value != "clients" || rows[0].Cells[1].Value != "doing" {
		return refuse("the table has other columns than | clients | doing |, or no row below them")
	}
	var wrong []string
	for _, row := range rows[1:] {
		n, err := strconv.Atoi(row.Cells[0].Value)
		if err != nil || n < 1 {
			wrong = append(wrong, fmt.Sprintf("%q clients: ask for at least 1", row.Cells[0].Value))
		}
		if _, known := doings[row.Cells[1].Value]; !known {
			wrong = append(wrong, fmt.Sprintf("%q is nothing that clients can do: there are %s", row.Cells[1].Value, strings.Join(slices.Sorted(maps.Keys(doings)), ", ")))
		}
	}
	if wrong != nil {
		return refuse("%s", strings.Join(wrong, "; "))
	}
	return nil
}

// household reads who does what.
func (w *world) household(table *godog.Table) (all []*busy, err error) {
	if _, err := w.standing(); err != nil {
		return nil, err
	}
	if err := fits(table); err != nil {
		return nil, err
	}
	free := w.free()
	for _, row := range table.Rows[1:] {
		n, _ := strconv.Atoi(row.Cells[0].Value)
		if n > len(free) {
			return nil, refuse("%q clients: there are %d that have nothing to do yet", row.Cells[0].Value, len(free))
		}
		b, err := w.doing(row.Cells[1].Value)
		if err != nil {
			return nil, err
		}
		if b != nil {
			b.clients = free[:n]
			all = append(all, b)
		}
		free = free[n:]
	}
	if all == nil {
		return nil, refuse("all clients are idle: let some do something")
	}
	return all, nil
}

// pinging is two pings at the pace of godog.yml, again and again.
func (w *world) pinging(whom target) func(int) workload.Work {
	p := w.ping()
	p.Interval, _ = w.pace(whom, len(w.m.Clients()))
	t := w.config().Targets.Router // the zero Addr is each client's own
	if whom == toInternet {
		t = w.config().Targets.GoogleDNS
	}
	return same(workload.Ping{Target: t, Count: 2, Interval: p.Interval, Timeout: p.Timeout})
}
