package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"time"
)

//go:embed plot.svg.tmpl
var plotText string

var plotTemplate = template.Must(template.New("plot.svg").Parse(plotText))

// series is one line of the plot.
type series struct {
	name, colour string
	points       []point
}

type point struct {
	clients int
	took    time.Duration
}

// The plot's frame and its ranges, both axes logarithmic.
const (
	plotLeft, plotTop     = 70.0, 20.0
	plotWidth, plotHeight = 480.0, 320.0
	clientsLeast          = 30.0
	clientsMost           = 6000.0
	secondsLeast          = 0.01
	secondsMost           = 100.0
)

// series are those of a suite.
func (r *Suite) series() []series {
	var hand, bare []point
	for _, h := range r.Hand {
		hand = append(hand, point{h.Clients, h.Create})
	}
	for _, b := range r.Bare {
		bare = append(bare, point{b.Clients, b.Took})
	}
	ours := func(server string) (points []point) {
		for _, row := range r.Rows {
			if row.Server == server && row.Rounds > 0 {
				points = append(points, point{row.Clients, row.Median.Create})
			}
		}
		return points
	}
	return []series{
		{"the manual commands, dnsmasq", "#c0392b", hand},
		{"lanstorm, dnsmasq", "#e08e0b", ours("dnsmasq")},
		{"lanstorm, Kea", "#1f6fb2", ours("Kea")},
		{"bare netlink loop", "#777777", bare},
	}
}

// plot draws lines of time over clients.
func plot(all []series) ([]byte, error) {
	type label struct {
		X, Y float64
		Text string
	}
	type line struct {
		Name, Colour, Points string
		Dots                 []label
		Y                    float64 // in the legend
	}
	var v struct {
		Left, Top, Right, Bottom, Middle float64
		XTicks, YTicks                   []label
		Lines                            []line
	}
	v.Left, v.Top, v.Right, v.Bottom = plotLeft, plotTop, plotLeft+plotWidth, plotTop+plotHeight
	v.Middle = plotLeft + plotWidth/2
	x := func(n float64) float64 { return round1(plotLeft + plotWidth*logShare(n, clientsLeast, clientsMost)) }
	y := func(s float64) float64 { return round1(v.Bottom - plotHeight*logShare(s, secondsLeast, secondsMost)) }
	for _, n := range []int{50, 200, 1000, 4000} {
		v.XTicks = append(v.XTicks, label{x(float64(n)), v.Bottom, fmt.Sprint(n)})
	}
	for s := secondsLeast; s <= secondsMost*1.01; s *= 10 {
		v.YTicks = append(v.YTicks, label{v.Left, y(s), fmt.Sprintf("%.4g s", s)})
	}
	for _, s := range all {
		if len(s.points) == 0 {
			continue
		}
		l := line{Name: s.name, Colour: s.colour, Y: v.Top + 18 + 18*float64(len(v.Lines))}
		for _, p := range s.points {
			d := label{x(float64(p.clients)), y(p.took.Seconds()), fmt.Sprintf("%s: %d clients in %s", s.name, p.clients, short(p.took))}
			l.Dots = append(l.Dots, d)
			l.Points += fmt.Sprintf("%v,%v ", d.X, d.Y)
		}
		v.Lines = append(v.Lines, l)
	}
	var b bytes.Buffer
	err := plotTemplate.Execute(&b, v)
	return b.Bytes(), err
}

// logShare is where v is between least and most, 0 to 1, on a logarithmic axis.
func logShare(v, least, most float64) float64 {
	v = min(max(v, least), most)
	return math.Log(v/least) / math.Log(most/least)
}

func round1(v float64) float64 { return math.Round(10*v) / 10 }
