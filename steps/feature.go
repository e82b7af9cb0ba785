package steps

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
)

// feature is a feature file. godog chooses whole scenarios by tags that it knows in
// its old form only; so the choice is made here, and godog is given what is left.
type feature struct {
	uri     string
	name    string
	pickles []*messages.Pickle
	content []byte
	nodes   map[string]node
	chosen  map[string]bool // pickles, by their ids
	lost    []lostLine
}

// node is a part of a feature file.
type node struct {
	line        int64
	first, last int64  // of a scenario: the lines that are its, tags included
	keyword     string // of a step
}

// nodesOf notes where everything in a feature file stands, by ids.
func nodesOf(doc *messages.GherkinDocument) map[string]node {
	nodes := map[string]node{}
	open := "" // what ends where the next begins
	begin := func(id string, at *messages.Location, tags []*messages.Tag) {
		n := node{line: at.Line, first: at.Line, last: math.MaxInt64}
		for _, t := range tags {
			n.first = min(n.first, t.Location.Line)
		}
		if before, ok := nodes[open]; ok {
			before.last = n.first - 1
			nodes[open] = before
		}
		nodes[id], open = n, id
	}
	steps := func(all []*messages.Step) {
		for _, s := range all {
			nodes[s.Id] = node{line: s.Location.Line, keyword: strings.TrimSpace(s.Keyword)}
		}
	}
	background := func(b *messages.Background) {
		if b != nil {
			begin(b.Id, b.Location, nil)
			steps(b.Steps)
		}
	}
	scenario := func(s *messages.Scenario) {
		if s == nil {
			return
		}
		begin(s.Id, s.Location, s.Tags)
		steps(s.Steps)
		for _, e := range s.Examples {
			for _, row := range e.TableBody {
				nodes[row.Id] = node{line: row.Location.Line}
			}
		}
	}
	for _, child := range doc.Feature.Children {
		background(child.Background)
		scenario(child.Scenario)
		if r := child.Rule; r != nil {
			begin(r.Id, r.Location, r.Tags)
			for _, inside := range r.Children {
				background(inside.Background)
				scenario(inside.Scenario)
			}
		}
	}
	return nodes
}

// retrieve reads the features at Paths, and marks the scenarios that they name.
func (s *Suite) retrieve() (all []*feature, err error) {
	for _, path := range s.Paths {
		path, line, ofLine := fileAndLine(path)
		found, err := godog.TestSuite{Options: &godog.Options{Paths: []string{filepath.Clean(path)}, FS: s.FS}}.RetrieveFeatures()
		if err != nil {
			return nil, errors.New(oneLine(err))
		}
		for _, of := range found {
			i := slices.IndexFunc(all, func(f *feature) bool { return f.uri == of.Uri })
			if i < 0 {
				i = len(all)
				all = append(all, &feature{
					uri: of.Uri, name: of.Feature.Name, pickles: of.Pickles, content: of.Content,
					nodes: nodesOf(of.GherkinDocument), chosen: map[string]bool{}, lost: lostLines(of.Feature, of.Content),
				})
			}
			pickles := all[i].pickles
			if ofLine {
				if pickles, err = all[i].on(line); err != nil {
					return nil, err
				}
			}
			for _, p := range pickles {
				all[i].chosen[p.Id] = true
			}
		}
	}
	return all, nil
}

// fileAndLine takes a location apart as it is printed, with the column or without. ofLine
// is false for a file alone.
func fileAndLine(at string) (file string, line int64, ofLine bool) {
	m := lineBehind.FindStringSubmatch(at)
	if m == nil {
		return at, 0, false
	}
	line, _ = strconv.ParseInt(m[2], 10, 64) // too large a number is beyond any file
	return m[1], line, true
}

var lineBehind = regexp.MustCompile(`^(.+?):(\d+)(?::\d+)?$`)

// lineOf is the line of a scenario or, of an outline, of its row.
func lineOf(nodes map[string]node, p *messages.Pickle) int64 {
	return nodes[p.AstNodeIds[len(p.AstNodeIds)-1]].line
}

func (f *feature) location(p *messages.Pickle) string { return location(f.uri, lineOf(f.nodes, p)) }

// on finds the scenarios on a line, a row of Examples alone. A line that is in none,
// such as one of a Background, stands for the whole file.
func (f *feature) on(line int64) ([]*messages.Pickle, error) {
	if n := int64(strings.Count(strings.TrimSuffix(string(f.content), "\n"), "\n")) + 1; line < 1 || line > n {
		return nil, fmt.Errorf("%s has no line %d, only 1 to %d", f.uri, line, n)
	}
	var found []*messages.Pickle
	for _, p := range f.pickles {
		if n := f.nodes[p.AstNodeIds[0]]; n.first <= line && line <= n.last {
			found = append(found, p)
		}
		if len(p.AstNodeIds) > 1 && lineOf(f.nodes, p) == line {
			return []*messages.Pickle{p}, nil
		}
	}
	if found == nil {
		return f.pickles, nil
	}
	return found, nil
}

// left is the file with nothing in place of the lines of what was not chosen, so
// that all else stands where it stood.
func (f *feature) left() []byte {
	lines := strings.Split(string(f.content), "\n")
	used := map[string]bool{}
	for _, p := range f.pickles {
		used[p.AstNodeIds[0]] = used[p.AstNodeIds[0]] || f.chosen[p.Id]
	}
	for _, p := range f.pickles {
		n := f.nodes[p.AstNodeIds[0]]
		switch {
		case f.chosen[p.Id]:
		case used[p.AstNodeIds[0]]: // by another row
			lines[lineOf(f.nodes, p)-1] = ""
		default:
			clear(lines[n.first-1 : min(n.last, int64(len(lines)))])
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
