package steps

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/health"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/netmgr"
)

// What clients did, as it goes into the record. Reports know no kinds: a new one
// is a function here, or beside its sentence.

func figure(name string, value float64, unit record.Unit) record.Figure {
	return record.Figure{Name: name, Value: value, Unit: unit}
}

// key is a figure that belongs into a summary of the run.
func key(name string, value float64, unit record.Unit) record.Figure {
	return record.Figure{Name: name, Value: value, Unit: unit, Key: true}
}

// activity is one that ended just now, with the tester's health meanwhile.
func activity(name, summary string, report health.Report) record.Activity {
	a := record.Activity{
		Name: name, Summary: summary, Start: time.Now().Add(-report.Took), Seconds: report.Took.Seconds(),
		Figures: []record.Figure{figure("tester: CPU", 100*report.CPU, record.Percent), figure("tester: wait for a processor p99", report.Delay.P99.Seconds(), record.Seconds)},
	}
	if report.Busy != nil {
		values := report.Busy.Values()
		for i := range values {
			values[i] *= 100
		}
		a.Charts = append(a.Charts, chart("the tester's processors", record.Percent, report.Busy.Start, report.Busy.Step, record.Line{Name: "CPU", Values: points(values)}))
	}
	return a
}

func chart(name string, unit record.Unit, start time.Time, step time.Duration, lines ...record.Line) record.Chart {
	return record.Chart{Name: name, Unit: unit, Start: start, Step: step.Seconds(), Lines: lines}
}

// points are values with null for none.
func points(values []float64) []*float64 {
	p := make([]*float64, len(values))
	for i := range values {
		if !math.IsNaN(values[i]) {
			p[i] = &values[i]
		}
	}
	return p
}

// none is nil for what is not there.
func none[T comparable](v T, text string) any {
	var zero T
	if v == zero {
		return nil
	}
	return text
}

// creationActivity is the newest creation.
func creationActivity(m *netmgr.NetworkManager, report health.Report) record.Activity {
	c, clients := m.Creation(), m.Clients()
	clients = clients[len(clients)-c.Clients:]
	a := activity("create "+measure.Times(c.Clients, "client"), fmt.Sprintf("%s; %s", c, report), report)
	if c.Sent == 0 { // they speak no IPv4
		a.Figures = append([]record.Figure{figure("clients created", float64(c.Clients), record.Count), figure("creation", c.Took.Seconds(), record.Seconds)}, a.Figures...)
		return a
	}
	a.Figures = append([]record.Figure{
		figure("clients created", float64(c.Clients), record.Count), figure("creation", c.Took.Seconds(), record.Seconds),
		key("leases", c.LeasesPerSecond(), record.PerSecond),
		figure("DHCP messages", float64(c.Sent), record.Count), key("DHCP messages sent again", float64(c.Resent), record.Count),
	}, a.Figures...)
	for _, p := range c.Phases {
		switch p.Name {
		case "offer", "ack", "total":
			a.Figures = append(a.Figures, record.Figure{Name: p.Name + " p95", Value: p.P95.Seconds(), Unit: record.Seconds, Key: p.Name != "total"})
		}
	}
	offers, acks := measure.NewDistribution(), measure.NewDistribution()
	t := record.Table{Shown: true, Columns: []record.Column{
		{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "address", Text: true}, {Name: "gateway", Text: true},
		{Name: "server", Text: true}, {Name: "lease for", Text: true}, {Name: "sent again"}, {Name: "leased after", Unit: record.Seconds},
	}}
	var first time.Time
	for _, client := range clients {
		l, took := client.Lease(), client.Timings
		t.Rows = append(t.Rows, []any{
			client.Name, client.MAC.String(), none(l.Address, l.Address.String()), none(l.Gateway, l.Gateway.String()),
			none(l.Server, l.Server.String()), l.Term(), float64(took.Resent), took.Leased.Sub(took.Asked).Seconds(),
		})
		if took.Configure > 0 {
			offers.Record(took.Offer)
			acks.Record(took.Ack)
		}
		if !took.Asked.IsZero() && (first.IsZero() || took.Asked.Before(first)) {
			first = took.Asked
		}
	}
	a.Clients = &t
	a.Distributions = []record.Distribution{{Name: "OFFER", Plot: "time to an answer", Times: offers}, {Name: "ACK", Plot: "time to an answer", Times: acks}}
	if !first.IsZero() {
		a.Charts = append([]record.Chart{leasedOverTime(clients, first)}, a.Charts...)
	}
	return a
}

// leasedOverTime is how many clients had their lease when.
func leasedOverTime(clients []*netmgr.Client, first time.Time) record.Chart {
	var at []time.Duration
	for _, c := range clients {
		if !c.Timings.Leased.IsZero() {
			at = append(at, c.Timings.Leased.Sub(first))
		}
	}
	slices.Sort(at)
	const points = 100
	step := time.Millisecond
	if len(at) > 0 {
		step = max(step, at[len(at)-1]/points+1)
	}
	var values []*float64
	for i, n := 0, 0; i <= points; i++ {
		for n < len(at) && at[n] <= time.Duration(i)*step {
			n++
		}
		v := float64(n)
		if values = append(values, &v); n == len(at) {
			break
		}
	}
	return chart("clients with a lease", record.Count, first, step, record.Line{Name: "clients", Values: values})
}

// pingActivity is a round of pings.
func pingActivity(p *pinged, report health.Report) record.Activity {
	a := activity("ping "+string(p.whom), fmt.Sprintf("%s; %s", p, report), report)
	a.Figures = append(pingFigures(string(p.whom), p.results), a.Figures...)
	a.Clients = pingTable(p.results, false)
	return a
}

func pingFigures(whom string, results []netmgr.PingResult) []record.Figure {
	asked, received, answered := 0, 0, 0
	for _, r := range results {
		asked, received = asked+r.Asked, received+r.Received
		if r.Received > 0 {
			answered++
		}
	}
	share := func(n, of int) float64 { return 100 * float64(n) / float64(max(1, of)) }
	return []record.Figure{
		figure("clients with an answer from "+whom, share(answered, len(results)), record.Percent),
		figure("pings to "+whom, float64(asked), record.Count),
		key("loss to "+whom, share(asked-received, asked), record.Percent),
	}
}

// pingTable has percentiles for those whose times are the kernel's.
func pingTable(results []netmgr.PingResult, percentiles bool) *record.Table {
	t := &record.Table{Columns: []record.Column{
		{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "target", Text: true}, {Name: "sent"}, {Name: "received"},
		{Name: "loss", Unit: record.Percent}, {Name: "reason", Text: true},
	}}
	if percentiles {
		t.Columns = append(t.Columns, record.Column{Name: "p50", Unit: record.Seconds}, record.Column{Name: "p99", Unit: record.Seconds})
	}
	for _, r := range results {
		row := []any{r.Client, r.MAC, none(r.Target, r.Target.String()), float64(r.Sent), float64(r.Received), r.Loss(), none(r.Reason, r.Reason)}
		switch {
		case percentiles && r.RTT.Count() > 0:
			row = append(row, r.RTT.P50().Seconds(), r.RTT.P99().Seconds())
		case percentiles:
			row = append(row, nil, nil)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// latencyActivity is a measurement.
func latencyActivity(whom target, l netmgr.Latency, summary string, report health.Report) record.Activity {
	a := activity("latency to "+string(whom), summary, report)
	name := "latency to " + string(whom)
	a.Figures = slices.Concat([]record.Figure{
		key(name+" p50", l.RTT.P50().Seconds(), record.Seconds), key(name+" p95", l.RTT.P95().Seconds(), record.Seconds),
		key(name+" p99", l.RTT.P99().Seconds(), record.Seconds), figure(name+" max", l.RTT.Max().Seconds(), record.Seconds),
	}, pingFigures(string(whom), l.Clients), a.Figures)
	a.Distributions = []record.Distribution{{Name: "RTT", Plot: name, Times: l.RTT}}
	lines := []record.Line{{Name: "p50", Values: points(l.P50)}, {Name: "p95", Values: points(l.P95)}, {Name: "p99", Values: points(l.P99)}}
	a.Charts = append([]record.Chart{chart(name, record.Seconds, l.Start, l.Step, lines...)}, a.Charts...)
	results := l.Clients
	heat := &record.Heat{Name: "loss to " + string(whom), Unit: record.Percent, Start: l.Start, Step: l.Step.Seconds()}
	for _, r := range results {
		if r.Losses != nil {
			heat.Rows = append(heat.Rows, record.HeatRow{Client: r.Client, Values: r.Losses})
		}
	}
	if heat.Rows != nil {
		a.Heat = heat
	} else { // of a long measurement the worst are told
		results = l.Worst(mostWorst)
	}
	a.Clients = pingTable(results, true)
	return a
}

// mostWorst is how many clients are told of where not all are.
const mostWorst = 100

// returnActivity is clients that have an address again.
func returnActivity(returns []netmgr.Return, summary, event string) record.Activity {
	took := measure.NewDistribution()
	t := &record.Table{Shown: true, Columns: []record.Column{
		{Name: "client", Text: true}, {Name: "MAC", Text: true}, {Name: "address before", Text: true}, {Name: "address", Text: true},
		{Name: "server", Text: true}, {Name: "again after", Unit: record.Seconds},
	}}
	for _, r := range returns {
		took.Record(r.After)
		t.Rows = append(t.Rows, []any{r.Client.Name, r.Client.MAC.String(), none(r.Before, r.Before.String()), r.Now.String(), r.Server.String(), r.After.Seconds()})
	}
	name := "address again after " + event
	return record.Activity{
		Name: name, Summary: summary, Start: time.Now().Add(-took.Max()), Seconds: took.Max().Seconds(), Clients: t,
		Figures:       []record.Figure{figure(name+" p50", took.P50().Seconds(), record.Seconds), key(name+" max", took.Max().Seconds(), record.Seconds)},
		Distributions: []record.Distribution{{Name: "again", Plot: name, Times: took}},
	}
}

// routerOf is what clients have learned of the router.
func routerOf(r record.Router, m *netmgr.NetworkManager) record.Router {
	known := map[string]bool{}
	for _, c := range m.Clients() {
		l := c.Lease()
		if r.Gateway == "" && l.Gateway.IsValid() {
			r.Gateway = l.Gateway.String()
		}
		for _, s := range c.Status().Servers {
			server := record.Server{Address: s.Addr.String(), MAC: s.MAC}
			if server.Address == r.Gateway {
				r.MAC = s.MAC
			}
			if s.Addr == l.Server {
				server.Options = options(l)
			}
			if !known[server.Address+server.MAC] {
				known[server.Address+server.MAC] = true
				r.Servers = append(r.Servers, server)
			}
		}
	}
	return r
}

// options are those of a lease that clients use (RFC 2132), in words.
func options(l netmgr.Lease) []record.Option {
	o := []record.Option{{Code: 1, Name: "subnet mask", Value: fmt.Sprintf("/%d", l.Address.Bits())}}
	add := func(code int, name string, value any, given bool) {
		if given {
			o = append(o, record.Option{Code: code, Name: name, Value: fmt.Sprint(value)})
		}
	}
	add(3, "router", l.Gateway, l.Gateway.IsValid())
	add(6, "DNS servers", l.DNS, l.DNS != nil)
	add(15, "domain", l.Domain, l.Domain != "")
	add(26, "MTU", l.MTU, l.MTU > 0)
	add(51, "lease time", l.Term(), true)
	add(58, "T1", l.Renew, true)
	add(59, "T2", l.Rebind, true)
	add(119, "search list", l.Search, len(l.Search) > 0)
	add(121, "routes", l.Routes, len(l.Routes) > 1)
	return o
}
