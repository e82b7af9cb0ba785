package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// figure is one number of a round: tables, JSON and medians know of it from
// the list of figures.
type figure struct {
	name string // in JSON, the unit included
	head string // of its column in tables; empty: in JSON only
	get  func(*Round) float64
	set  func(*Round, float64)
	show func(float64) string
	held bool // while idle

	least int // clients that it takes to tell it from noise
}

var figures = []figure{
	duration("create_seconds", "create", func(r *Round) *time.Duration { return &r.Create }),
	duration("links_seconds", "links", func(r *Round) *time.Duration { return &r.Links }),
	duration("lease_seconds", "lease", func(r *Round) *time.Duration { return &r.Lease }),
	duration("configure_seconds", "configure", func(r *Round) *time.Duration { return &r.Configure }),
	number("leases_per_second", "leases/s", "%.0f", func(r *Round) *float64 { return &r.LeasesPerSecond }),
	number("messages_resent", "resent", "%.0f", func(r *Round) *float64 { return &r.Resent }),
	number("pings_answered", "answered", "%.0f", func(r *Round) *float64 { return &r.Answered }),
	duration("rtt_p50_seconds", "", func(r *Round) *time.Duration { return &r.P50 }),
	duration("rtt_p99_seconds", "RTT p99", func(r *Round) *time.Duration { return &r.P99 }),
	duration("remove_seconds", "remove", func(r *Round) *time.Duration { return &r.Remove }),
	held("resident_bytes_per_client", "resident", size, func(r *Round) *float64 { return &r.Resident }),
	held("kernel_bytes_per_client", "kernel", size, func(r *Round) *float64 { return &r.Kernel }).of(thousand),
	held("kernel_slab_bytes_per_client", "slab", size, func(r *Round) *float64 { return &r.Slab }).of(thousand),
	held("kernel_percpu_bytes_per_client", "", size, func(r *Round) *float64 { return &r.PerCPU }),
	held("descriptors_per_client", "files", "%.2f", func(r *Round) *float64 { return &r.Descriptors }),
	held("threads", "threads", "%.0f", func(r *Round) *float64 { return &r.Threads }),
}

func duration(name, head string, of func(*Round) *time.Duration) figure {
	return figure{
		name: name, head: head,
		get:  func(r *Round) float64 { return of(r).Seconds() },
		set:  func(r *Round, v float64) { *of(r) = time.Duration(v * float64(time.Second)) },
		show: func(v float64) string { return short(time.Duration(v * float64(time.Second))) },
	}
}

// size is the format of bytes.
const size = "KB"

func number(name, head, format string, of func(*Round) *float64) figure {
	return figure{
		name: name, head: head,
		get: func(r *Round) float64 { return *of(r) },
		set: func(r *Round, v float64) { *of(r) = v },
		show: func(v float64) string {
			if format == size {
				return fmt.Sprintf("%.0f KB", v/1024)
			}
			return fmt.Sprintf(format, v)
		},
	}
}

// held is a number of what clients hold. Of several rounds the largest counts:
// the kernel and Go keep memory that was given back, so later rounds find what
// they need.
func held(name, head, format string, of func(*Round) *float64) figure {
	f := number(name, head, format, of)
	f.held = true
	return f
}

// of leaves the figure out of tables for fewer clients.
func (f figure) of(least int) figure {
	f.least = least
	return f
}

// short rounds d to three digits or so.
func short(d time.Duration) string {
	for unit := time.Microsecond; unit < time.Second; unit *= 10 {
		if d.Abs() < 100*unit {
			return d.Round(unit / 10).String()
		}
	}
	return d.Round(10 * time.Millisecond).String()
}

// Row is one size measured several times.
type Row struct {
	Server, Mode string
	Clients      int
	Rounds       int
	Median       Round // of each figure by itself, or the largest of what clients hold; failures are those of all rounds
}

func newRow(opts Options, n int, rounds []Round) Row {
	row := Row{Server: title(opts.Server), Mode: opts.Mode, Clients: n, Rounds: len(rounds)}
	row.Median.Verdict = "not measured"
	if len(rounds) == 0 {
		return row
	}
	for _, f := range figures {
		values := make([]float64, len(rounds))
		for i := range rounds {
			values[i] = f.get(&rounds[i])
		}
		f.set(&row.Median, median(values))
		if f.held {
			f.set(&row.Median, slices.Max(values))
		}
	}
	row.Median.Verdict, row.Median.Clean = rounds[0].Verdict, true
	for _, r := range rounds {
		if row.Median.Clean && !r.Clean {
			row.Median.Verdict, row.Median.Clean = r.Verdict, false
		}
		row.Median.Failures = append(row.Median.Failures, r.Failures...)
	}
	return row
}

// median is the middle one, the lower of two; zero when there are none.
func median[T cmp.Ordered](values []T) (m T) {
	if len(values) == 0 {
		return m
	}
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

// Growth is how much longer a phase takes four times as many clients.
type Growth struct {
	Server, Mode string
	From, To     int
	Phases       []Times
}

// Times is a ratio.
type Times struct {
	Phase string
	Ratio float64
}

// growths are those of all pairs of sizes of one server and mode of which one
// is four times the other.
func growths(rows []Row) (all []Growth) {
	for _, a := range rows {
		for _, b := range rows {
			if a.Server != b.Server || a.Mode != b.Mode || b.Clients != 4*a.Clients || a.Rounds == 0 || b.Rounds == 0 {
				continue
			}
			g := Growth{Server: a.Server, Mode: a.Mode, From: a.Clients, To: b.Clients}
			for _, f := range figures {
				switch f.head {
				case "create", "links", "lease", "configure", "remove":
					if before := f.get(&a.Median); before > 0 {
						g.Phases = append(g.Phases, Times{f.head, f.get(&b.Median) / before})
					}
				}
			}
			all = append(all, g)
		}
	}
	return all
}

// MarshalJSON gives every figure under its name.
func (r Row) MarshalJSON() ([]byte, error) {
	object := map[string]any{
		"server": r.Server, "mode": r.Mode, "clients": r.Clients, "rounds": r.Rounds,
		"tester": r.Median.Verdict, "tester_clean": r.Median.Clean,
		"failures": append([]string{}, r.Median.Failures...),
	}
	for _, f := range figures {
		object[f.name] = f.get(&r.Median)
	}
	return json.Marshal(object)
}

// MarshalJSON is an object with a ratio for each phase.
func (g Growth) MarshalJSON() ([]byte, error) {
	object := map[string]any{"server": g.Server, "mode": g.Mode, "clients": g.To, "clients_before": g.From}
	for _, p := range g.Phases {
		object[p.Phase+"_ratio"] = p.Ratio
	}
	return json.Marshal(object)
}
