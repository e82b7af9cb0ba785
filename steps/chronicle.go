package steps

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"

	"github.com/lanstorm/lanstorm/internal/evidence"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/screen"
	"github.com/lanstorm/lanstorm/netmgr"
)

// chronicle keeps the record of a run and shows it, as godog tells of it: for
// godog it is a formatter.
type chronicle struct {
	*record.Recorder
	suite   *Suite
	head    record.Head
	capture *evidence.Capture        // nil: there is none
	hosts   map[string]evidence.Host // the clients of the scenario, by name
	log     *os.File
	screens []*screen.Screen // of the format lanstorm
	shown   bool             // one of them is the run's output

	uri      string // of the feature under way
	feature  string
	nodes    map[string]node // of the feature, by their ids
	scenario record.Scenario
	waiting  []record.Scenario // that were not begun
	open     int               // steps of it that have not ended
	step     record.Step
	excused  bool // the scenario failed, and is known to
}

var _ godog.Formatter = (*chronicle)(nil)

func (c *chronicle) TestRunStarted() {}
func (c *chronicle) Summary()        {}

// Feature notes where everything in a feature file stands.
func (c *chronicle) Feature(doc *messages.GherkinDocument, uri string, _ []byte) {
	c.uri, c.feature, c.nodes = uri, doc.Feature.Name, nodesOf(doc)
}

// Pickle begins a scenario.
func (c *chronicle) Pickle(p *messages.Pickle) {
	c.scenario = record.Scenario{
		Feature: c.feature, Name: p.Name, Location: location(c.uri, lineOf(c.nodes, p)),
		Start: time.Now(), Verdict: record.Passed,
	}
	if i := slices.IndexFunc(c.waiting, func(w record.Scenario) bool { // in whatever order godog runs them
		return w.Location == c.scenario.Location && w.Name == c.scenario.Name
	}); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	for _, t := range p.Tags {
		c.scenario.Tags = append(c.scenario.Tags, t.Name)
	}
	c.open = len(p.Steps)
	c.hosts, c.excused = map[string]evidence.Host{}, false
	if c.capture != nil {
		if err := c.capture.Reset(); err != nil {
			c.message("note", "no packets are kept: %v", err)
		}
	}
	c.suite.log.Info("scenario", "name", p.Name, "location", c.scenario.Location)
	c.scenario.Number = c.BeginScenario(c.scenario)
	for _, s := range c.screens {
		s.Scenario(c.scenario)
	}
	if c.open == 0 {
		c.scenario.Verdict, c.scenario.Reason = record.Failed, "it has no steps"
		c.suite.failed = true // godog calls no hooks
		c.end()
	}
}

// Defined begins a step.
func (c *chronicle) Defined(_ *messages.Pickle, s *messages.PickleStep, _ *godog.StepDefinition) {
	c.step = record.Step{Text: strings.TrimSpace(c.nodes[s.AstNodeIds[0]].keyword + " " + s.Text), Start: time.Now()}
	if c.scenario.Verdict == record.Passed {
		for _, s := range c.screens {
			s.Begin(c.step.Text)
		}
	}
}

func (c *chronicle) Passed(*messages.Pickle, *messages.PickleStep, *godog.StepDefinition) {
	c.over(record.Passed, nil)
}

func (c *chronicle) Skipped(*messages.Pickle, *messages.PickleStep, *godog.StepDefinition) {
	c.over(record.Skipped, nil)
}

func (c *chronicle) Undefined(*messages.Pickle, *messages.PickleStep, *godog.StepDefinition) {
	c.over(record.Failed, errors.New("there is no such sentence: `lanstorm steps` lists those there are"))
}

func (c *chronicle) Pending(*messages.Pickle, *messages.PickleStep, *godog.StepDefinition) {
	c.over(record.Failed, godog.ErrPending)
}

func (c *chronicle) Ambiguous(_ *messages.Pickle, _ *messages.PickleStep, _ *godog.StepDefinition, err error) {
	c.over(record.Failed, err)
}

func (c *chronicle) Failed(_ *messages.Pickle, _ *messages.PickleStep, _ *godog.StepDefinition, err error) {
	var n notRunError
	if errors.As(err, &n) { // without what godog says of its hooks
		err = n
	}
	c.over(verdictOf(err), err)
}

// verdictOf is that of a step which failed.
func verdictOf(err error) record.Verdict {
	var f *failure
	switch {
	case errors.As(err, new(notRunError)):
		return record.NotRun
	case errors.As(err, &f) && f.inconclusive:
		return record.Inconclusive
	}
	return record.Failed
}

// notRunError is why a scenario was not begun.
type notRunError struct{ error }

// over ends a step, and the scenario if it was its last.
func (c *chronicle) over(v record.Verdict, err error) {
	c.step.Seconds, c.step.Verdict = time.Since(c.step.Start).Seconds(), v
	if v != record.Passed && v != record.Skipped && c.scenario.Verdict == record.Passed {
		c.scenario.Verdict, c.scenario.Reason = v, oneLine(errors.New(strings.ReplaceAll(err.Error(), "\n", ";")))
	}
	if err != nil {
		c.step.Error, c.step.Problems = err.Error(), problemsOf(err)
	}
	for _, p := range c.step.Problems { // those that never stood, too
		if mac, err := net.ParseMAC(p.MAC); err == nil && c.hosts[p.Client].Name == "" {
			c.hosts[p.Client] = evidence.Host{Name: p.Client, MAC: mac}
		}
	}
	c.Step(c.step)
	for _, s := range c.screens {
		s.Step(c.step)
	}
	c.step = record.Step{}
	if c.open--; c.open == 0 {
		c.end()
	}
}

// end ends a scenario, and keeps its packets if they are evidence.
func (c *chronicle) end() {
	bad := c.scenario.Verdict == record.Failed || c.scenario.Verdict == record.Inconclusive
	if c.capture != nil && (bad || c.suite.Config.Results.Capture == "always") {
		c.keepPackets()
	}
	switch issue, known := c.suite.known(c.scenario); {
	case bad && c.excused:
		c.scenario.Verdict, c.scenario.Reason = record.Known, fmt.Sprintf("known (%s): %s", issue, c.scenario.Reason)
	case known && c.scenario.Verdict == record.Passed:
		text := fmt.Sprintf("passed again: %s %q is known to fail (%s): take that away", c.scenario.Location, c.scenario.Name, issue)
		c.Message(record.Message{Time: time.Now(), Kind: "note", Text: text})
		for _, s := range c.screens {
			s.Aside(text)
		}
		c.aside(text)
	}
	c.scenario.Seconds = time.Since(c.scenario.Start).Seconds()
	c.EndScenario(c.scenario)
}

func (c *chronicle) keepPackets() {
	var err error
	hosts := slices.SortedFunc(maps.Values(c.hosts), func(a, b evidence.Host) int { return bytes.Compare(a.MAC, b.MAC) })
	if c.scenario.Evidence, err = c.capture.Write(c.Dir, evidence.Name(c.scenario.Number, c.scenario.Name), hosts); err != nil {
		c.suite.unwritable(err)
		return
	}
	e := c.scenario.Evidence
	text := fmt.Sprintf("evidence: %s (%d packets", filepath.Join(c.Dir, e.File), e.Packets)
	if e.Lost > 0 {
		text += fmt.Sprintf("; %d more were lost", e.Lost)
	}
	for _, s := range c.screens {
		s.Aside(text + ")")
	}
	c.aside(text + ")")
}

// met keeps who the clients are, for the evidence.
func (c *chronicle) met(m *netmgr.NetworkManager) {
	for _, client := range m.Clients() {
		c.hosts[client.Name] = evidence.Host{Name: client.Name, MAC: client.MAC, Addr: client.Lease().Address.Addr()}
	}
}

// activity takes what clients did. Who reads another format is told on the spot.
func (c *chronicle) activity(a record.Activity) {
	c.tell(nil)
	a.Figures = slices.DeleteFunc(a.Figures, func(f record.Figure) bool { // of nothing, or in no time
		return math.IsNaN(f.Value) || math.IsInf(f.Value, 0)
	})
	c.Activity(a)
	c.step.Activities = append(c.step.Activities, a)
	c.aside(a.Summary)
}

// message takes something that people should know.
func (c *chronicle) message(kind, format string, args ...any) {
	m := record.Message{Time: time.Now(), Kind: kind, Text: fmt.Sprintf(format, args...)}
	c.Message(m)
	c.step.Messages = append(c.step.Messages, m)
	c.aside(kind + ": " + m.Text)
}

// lease takes what became of a client's lease.
func (c *chronicle) lease(client, event string) {
	if c.Recorder != nil {
		c.Lease(record.Lease{Client: client, Text: event})
	}
}

// router tells of the router as soon as clients know it.
func (c *chronicle) router(m *netmgr.NetworkManager) {
	c.met(m)
	if c.head.Router.Servers == nil {
		c.head.Router = routerOf(c.head.Router, m)
		c.Head(c.head)
	}
}

// routers6 takes what was heard of routers by IPv6.
func (c *chronicle) routers6(routers []string) {
	if c.head.Router.IPv6 == nil && routers != nil {
		c.head.Router.IPv6 = routers
		c.Head(c.head)
	}
}

// tell has the line of the step under way tell how far it is.
func (c *chronicle) tell(how func() string) {
	for _, s := range c.screens {
		s.Tell(how)
	}
}

// left tells how much of a time is left.
func (c *chronicle) left(d time.Duration) {
	end := time.Now().Add(d)
	c.tell(func() string { return fmt.Sprintf("%s left", max(0, time.Until(end)).Round(time.Second)) })
}

func (c *chronicle) aside(text string) {
	c.suite.log.Info(text)
	if !c.shown {
		fmt.Fprintln(c.suite.Notes, record.Clean(text))
	}
}

// problemsOf are those of each client that an error is about, in full.
func problemsOf(err error) (all []record.Problem) {
	var clients *clientsError
	var creation *netmgr.CreateError
	switch {
	case errors.As(err, &clients):
		for _, p := range clients.problems {
			all = append(all, record.Problem{Client: p.Client, MAC: p.MAC, Text: p.Err.Error()})
		}
	case errors.As(err, &creation):
		for _, f := range creation.Failed {
			all = append(all, record.Problem{Client: f.Client, MAC: f.MAC, Stage: string(f.Stage), Text: f.Err.Error()})
		}
	}
	return all
}
