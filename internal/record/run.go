// Package record is a run as data. While a run goes, events are written to
// events.ndjson, one a line; run.json is made from them when it is over, or
// later, if the run did not live to see its end. docs/run.schema.json is its
// schema, docs/results.md explains it.
//
// All is plain: names, MAC addresses and texts, times as RFC 3339, durations in
// seconds.
package record

import (
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Version is that of the format. A reader refuses what is newer.
const Version = 1

// Verdict is how a run, a scenario or a step ended.
type Verdict string

// The verdicts.
const (
	Passed       Verdict = "passed"
	Failed       Verdict = "failed"
	Inconclusive Verdict = "inconclusive" // it failed, perhaps because of the tester
	Known        Verdict = "known"        // of a scenario: it failed, as the user knows it does
	NotRun       Verdict = "not run"      // it was to run, and the run ended before
	Skipped      Verdict = "skipped"      // it cannot run against this router, or behind a step that failed
)

// Verdicts are all of them, in the order in which they are counted.
var Verdicts = []Verdict{Passed, Failed, Inconclusive, Known, NotRun, Skipped}

// Symbol tells a verdict where there are no colours.
func (v Verdict) Symbol() string {
	switch v {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	case Inconclusive:
		return "?"
	case Known:
		return "!"
	}
	return "–"
}

// Run is all of a run.
type Run struct {
	Head
	Scenarios []Scenario `json:"scenarios"`
	Messages  []Message  `json:"messages,omitempty"` // about the run as a whole
	End       End        `json:"end"`
}

// Head is what is known when a run begins, and of the router a little later.
type Head struct {
	Version int               `json:"version"`
	Start   time.Time         `json:"start"`
	Tester  Tester            `json:"tester"`
	Router  Router            `json:"router"`
	Labels  map[string]string `json:"labels,omitempty"`
	Config  []Setting         `json:"config"`
	Command []string          `json:"command"` // as it was typed
}

// Tester is the machine that runs the tests.
type Tester struct {
	Lanstorm   string `json:"lanstorm"` // version
	Go         string `json:"go"`
	Kernel     string `json:"kernel"`
	Machine    string `json:"machine"` // such as "Raspberry Pi 5 Model B Rev 1.0"
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory_bytes"`
}

// Router is the device under test, as the user names it and as it shows itself.
type Router struct {
	Name      string   `json:"name,omitempty"`
	Firmware  string   `json:"firmware,omitempty"`
	Interface string   `json:"interface"` // towards it, or lab
	Gateway   string   `json:"gateway,omitempty"`
	MAC       string   `json:"mac,omitempty"` // of the gateway
	Servers   []Server `json:"dhcp_servers,omitempty"`
	IPv6      []string `json:"ipv6,omitempty"` // the routers that advertise themselves, each in a line
}

// Server is a DHCP server that clients heard, with the options of a lease.
type Server struct {
	Address string   `json:"address"`
	MAC     string   `json:"mac"`
	Options []Option `json:"options,omitempty"`
}

// Option is a DHCP option in words.
type Option struct {
	Code  int    `json:"code"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Setting is a key of godog.yml.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"` // default, the file, the variable or the flag
}

// Scenario is one scenario of a run.
type Scenario struct {
	Number   int       `json:"number"` // from 1; 0: it was not begun
	Feature  string    `json:"feature"`
	Name     string    `json:"name"`
	Location string    `json:"location"` // file:line, as `lanstorm run` takes it
	Tags     []string  `json:"tags,omitempty"`
	Start    time.Time `json:"start,omitzero"`
	Seconds  float64   `json:"seconds"`
	Verdict  Verdict   `json:"verdict"`
	Reason   string    `json:"reason,omitempty"` // of a verdict that is not passed
	Steps    []Step    `json:"steps,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
}

// Step is one sentence of a scenario.
type Step struct {
	Text       string     `json:"text"` // with Given, When, Then
	Start      time.Time  `json:"start"`
	Seconds    float64    `json:"seconds"`
	Verdict    Verdict    `json:"verdict"`
	Error      string     `json:"error,omitempty"`
	Problems   []Problem  `json:"problems,omitempty"` // of clients, all of them
	Activities []Activity `json:"activities,omitempty"`
	Messages   []Message  `json:"messages,omitempty"`
}

// Problem is what is wrong with one client.
type Problem struct {
	Client string `json:"client"`
	MAC    string `json:"mac,omitempty"`
	Stage  string `json:"stage,omitempty"`
	Text   string `json:"text"`
}

// Message is a line for people.
type Message struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"` // remark (of the router), limit (of the tester), outage, note
	Text string    `json:"text"`
}

// Evidence is the capture of a scenario.
type Evidence struct {
	File    string `json:"file"` // in the folder of the run
	Packets int    `json:"packets"`
	Lost    int    `json:"lost"` // for which there was no room
}

// Activity is what clients did at one time, with its figures. Reports show what
// is here and know no kinds: what is measured anew appears by itself.
type Activity struct {
	Name    string    `json:"name"` // such as "create 50 clients"
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Summary string    `json:"summary"` // in one line

	Figures       []Figure       `json:"figures,omitempty"`
	Distributions []Distribution `json:"distributions,omitempty"`
	Charts        []Chart        `json:"charts,omitempty"`
	Clients       *Table         `json:"clients,omitempty"` // a row a client
	Heat          *Heat          `json:"heat,omitempty"`
}

// Figure is one number of an activity. Those of the same name can be compared
// between runs.
type Figure struct {
	Name  string  `json:"name"` // such as "latency to the router p95"
	Value float64 `json:"value"`
	Unit  Unit    `json:"unit"`
	Key   bool    `json:"key,omitempty"` // it belongs into a summary of the run
}

// Distribution is one curve of a plot of times.
type Distribution struct {
	Name  string                `json:"name"`
	Plot  string                `json:"plot"` // curves with the same stand in one
	Times *measure.Distribution `json:"times"`
}

// Chart is values over time: one line or several.
type Chart struct {
	Name  string    `json:"name"`
	Unit  Unit      `json:"unit"`
	Start time.Time `json:"start"`
	Step  float64   `json:"step_seconds"` // between two values
	Lines []Line    `json:"lines"`
}

// Line is one line of a chart.
type Line struct {
	Name   string     `json:"name"`
	Values []*float64 `json:"values"` // null: there is none
}

// Table is a row for each client.
type Table struct {
	Shown   bool     `json:"shown,omitempty"` // on the terminal, too
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"` // texts and numbers; null: there is none
}

// Column is one of a table.
type Column struct {
	Name string `json:"name"`
	Unit Unit   `json:"unit,omitempty"` // of numbers
	Text bool   `json:"text,omitempty"`
}

// Heat is a value for each client and span of time, such as the loss of each
// second, 0 to 100.
type Heat struct {
	Name  string    `json:"name"`
	Unit  Unit      `json:"unit"`
	Start time.Time `json:"start"`
	Step  float64   `json:"step_seconds"`
	Rows  []HeatRow `json:"rows"`
}

// HeatRow is a client's. A value below zero: there is none.
type HeatRow struct {
	Client string `json:"client"`
	Values []int8 `json:"values"`
}

// End is how a run ended. Of a run that was killed it is made up by who reads it.
type End struct {
	Time     time.Time `json:"time"`
	Seconds  float64   `json:"seconds"`
	Verdict  Verdict   `json:"verdict"`
	ExitCode int       `json:"exit_code"` // -1: not known
	Reason   string    `json:"reason,omitempty"`
}

// File is the location without its line, which moves when the file is edited.
func (s *Scenario) File() string { return s.Location[:max(0, strings.LastIndexByte(s.Location, ':'))] }

// Counts is how many scenarios ended how.
func (r *Run) Counts() map[Verdict]int {
	counts := map[Verdict]int{}
	for _, s := range r.Scenarios {
		counts[s.Verdict]++
	}
	return counts
}

// Figures are those of all activities, in their order.
func (r *Run) Figures() (all []Figure) {
	for _, s := range r.Scenarios {
		all = append(all, s.Figures()...)
	}
	return all
}

// Figures are those of all activities of the scenario, in their order.
func (s *Scenario) Figures() (all []Figure) {
	for _, step := range s.Steps {
		for _, a := range step.Activities {
			all = append(all, a.Figures...)
		}
	}
	return all
}
