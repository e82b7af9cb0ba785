package main

import (
	_ "embed"
	"html/template"
	"math"
	"time"
)

//go:embed plot.svg.tmpl
var plotText string

// The axes are logarithmic: from 30 clients to 6000, and from 10 ms to 100 s.
var plotTemplate = template.Must(template.New("plot.svg").Funcs(template.FuncMap{
	"x":       func(clients int) float64 { return math.Round(700+4800*share(float64(clients), 30, 6000)) / 10 },
	"y":       func(took time.Duration) float64 { return math.Round(3400-3200*share(took.Seconds(), 0.01, 100)) / 10 },
	"legend":  func(line int) int { return 38 + 18*line },
	"short":   short,
	"numbers": func() []int { return []int{50, 200, 1000, 4000} },
	"times": func() []time.Duration {
		return []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, 100 * time.Second}
	},
}).Parse(plotText))

// share is where v is between least and most, 0 to 1, on a logarithmic axis.
func share(v, least, most float64) float64 {
	return math.Log(min(max(v, least), most)/least) / math.Log(most/least)
}

// line is a line of the plot: times over numbers of clients.
type line struct {
	Name, Colour string
	Points       []point
}

type point struct {
	Clients int
	Took    time.Duration
}

func (r *Suite) lines() []line {
	of := map[string][]point{}
	for _, row := range r.Rows {
		of[row.Server] = append(of[row.Server], point{row.Clients, row.Create})
	}
	for _, o := range r.Others {
		of[o.Way] = append(of[o.Way], point{o.Clients, o.Create})
	}
	return []line{
		{"the manual commands, dnsmasq", "#c0392b", of["by hand"]},
		{"lanstorm, dnsmasq", "#e08e0b", of["dnsmasq"]},
		{"lanstorm, Kea", "#1f6fb2", of["kea"]},
		{"bare netlink loop", "#777777", of["bare loop"]},
	}
}
