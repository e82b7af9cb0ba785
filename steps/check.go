package steps

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gherkin "github.com/cucumber/gherkin/go/v26"
	messages "github.com/cucumber/messages/go/v21"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Mistake is what [Suite.Check] found at one place, and what to do about it.
type Mistake struct {
	File    string `json:"file"`
	Line    int64  `json:"line,omitempty"` // 0: it is about all of File
	Column  int64  `json:"column,omitempty"`
	Note    bool   `json:"note,omitempty"` // it is no mistake, but a scenario that is skipped here
	Finding string `json:"finding"`
	Remedy  string `json:"remedy,omitempty"`
}

func (m Mistake) String() string {
	at := m.File
	if m.Line > 0 {
		at += fmt.Sprintf(":%d:%d", m.Line, m.Column)
	}
	if m.Note {
		at += ": note"
	}
	return at + ": " + m.Text()
}

// Text is the finding with its remedy.
func (m Mistake) Text() string { return withRemedy(m.Finding, m.Remedy) }

func withRemedy(finding, remedy string) string {
	if remedy != "" {
		finding += " -> " + remedy
	}
	return record.Clean(finding) // words of a file
}

// Checked is what [Suite.Check] has read, and what it thinks of it.
type Checked struct {
	Files, Scenarios int
	Mistakes         []Mistake // in the order of files and lines
}

// checker reads the features of a suite.
type checker struct {
	Checked
	elsewhere map[string]string
	file      string
	damaged   bool                          // some lines of file were left out
	at        map[string]*messages.Location // of what has an id
	tags      map[string]bool               // that scenarios have
	names     map[string]bool               // of scenarios, as known has them
	whole     map[string]bool               // files that the parser takes
	newID     func() string
}

// Check reads the features in Paths, or those in this folder, and reports all that
// is wrong with them. It needs no root and no router. An error means that something
// could not be read.
func (s *Suite) Check() (Checked, error) {
	c := &checker{elsewhere: s.elsewhere(), at: map[string]*messages.Location{}, tags: map[string]bool{}, names: map[string]bool{}, whole: map[string]bool{}, newID: (&messages.Incrementing{}).NewId}
	paths := s.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		root, _, _ := fileAndLine(path)
		root = filepath.Clean(root)
		info, err := os.Stat(root)
		if err == nil && info.IsDir() {
			root += "/" // and so WalkDir follows a symbolic link
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path != root && filepath.Ext(path) != ".feature" {
				return err
			}
			return c.read(path)
		})
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = fmt.Errorf("%s: %w", p.Path, p.Err)
		}
		if err != nil {
			return Checked{}, err
		}
	}
	if c.Files == 0 {
		return Checked{}, fmt.Errorf("no .feature file in %s", strings.Join(paths, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Config.Known)) {
		// What was not read may have the name.
		file, _, ofFile := strings.Cut(name, ".feature:")
		if !c.names[name] && (ofFile && c.whole[file+".feature"] || !ofFile && len(s.Paths) == 0) {
			c.wrong(c.setting(s, "known"), "take it away, or write the name as results have it", "known: no scenario is called %q", name)
		}
	}
	at := c.setting(s, "godog.tags")
	for _, m := range tagName.FindAllStringSubmatch(s.Config.Godog.Tags, -1) {
		if not, tag := m[1] != "", m[2]; !c.tags[tag] && !(not && slices.Contains(knownTags, tag)) {
			c.wrong(at, cmp.Or(tagLike(tag), "take it away, or tag a scenario"), "godog.tags: no scenario has %s", tag)
		}
	}
	return c.Checked, nil
}

// setting is where a key was set. What is wrong is in that file from then on.
func (c *checker) setting(s *Suite, key string) *messages.Location {
	at := &messages.Location{Column: 1}
	c.file, at.Line, _ = fileAndLine(s.Config.Origin[key])
	return at
}

var (
	tagName     = regexp.MustCompile(`(~|\bnot\s+)?(@[^\s&,()~]+)`)
	spacedColon = regexp.MustCompile(`^(Scenario( Outline)?|Background|Examples?|Rule)\s+:`)
	parserLine  = regexp.MustCompile(`(?m)^\((\d+):(\d+)\): (.*)$`)
	placeholder = regexp.MustCompile(`<([^<>]+)>`)
)

// read checks one file. What the parser does not take is told, and the rest is read
// without it.
func (c *checker) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c.file, c.damaged = file, false
	if rest, has := bytes.CutPrefix(text, []byte("\ufeff")); has {
		c.wrong(&messages.Location{Line: 1, Column: 1}, "save it as UTF-8 without one", notGherkin+"a byte order mark (BOM)")
		text = rest
	}
	c.Files++
	before := len(c.Mistakes)
	doc, err := gherkin.ParseGherkinDocument(bytes.NewReader(text), c.newID)
	if err != nil {
		c.damaged = true
		lines := bytes.Split(text, []byte("\n"))
		for _, m := range parserLine.FindAllStringSubmatch(err.Error(), -1) {
			line, _ := strconv.ParseInt(m[1], 10, 64)
			column, _ := strconv.ParseInt(m[2], 10, 64)
			message, remedy := unparsed(m[3])
			c.wrong(&messages.Location{Line: line, Column: max(column, 1)}, remedy, notGherkin+"%s", message)
			if strings.Contains(m[3], "#FeatureLine") { // nor is all that follows
				break
			}
			if int(line) <= len(lines) {
				lines[line-1] = nil
			}
		}
		if len(c.Mistakes) == before {
			c.wrong(&messages.Location{Line: 1, Column: 1}, "", notGherkin+"%s", oneLine(err))
		}
		if doc, err = gherkin.ParseGherkinDocument(bytes.NewReader(bytes.Join(lines, []byte("\n"))), c.newID); err != nil {
			return nil
		}
	}
	if doc.Feature != nil {
		for _, l := range lostLines(doc.Feature, text) {
			c.wrong(&l.at, l.remedy, "%s", l.finding)
		}
		c.mark(doc.Feature.Tags)
		for _, child := range doc.Feature.Children {
			c.child(child)
		}
	}
	c.whole[file] = !c.damaged
	pickles := gherkin.Pickles(*doc, file, c.newID)
	for _, p := range pickles {
		c.pickle(p)
	}
	c.Scenarios += len(pickles)
	if len(pickles) == 0 && len(c.Mistakes) == before {
		c.wrong(&messages.Location{Line: 1, Column: 1}, "write one, or remove the file", "no scenario is in this file")
	}
	slices.SortStableFunc(c.Mistakes[before:], func(a, b Mistake) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return nil
}

var stepKeywords = []string{"Given", "When", "Then", "And", "But"}

// notGherkin begins what the parser has found.
const notGherkin = "not Gherkin: "

// unparsed shortens a message of the Gherkin parser's, and says what to do.
func unparsed(message string) (short, remedy string) {
	short = message
	if _, got, ok := strings.Cut(message, ", got '"); ok {
		short = strings.TrimSpace(strings.TrimSuffix(got, "'"))
	}
	for _, known := range []struct{ part, remedy string }{
		{"unexpected end of file", `end the text with """, or the tags with a scenario`},
		{"inconsistent cell count", "as many | in each row as in the first"},
		{"whitespace", "a tag has no spaces: write @one @two"},
		{"Language not supported", "take a language of https://cucumber.io/docs/gherkin/languages, or this line away"},
		{"Examples:'", "Examples belong below the steps of a Scenario Outline"},
		{"#FeatureLine", "a file begins with Feature: and its name, after tags and comments"},
		{"got 'Feature:", "a file has one Feature: give this one a file of its own"},
		{`got '"""`, `a doc string, from """ to """, belongs below a step`},
	} {
		if strings.Contains(message, known.part) {
			return short, known.remedy
		}
	}
	switch {
	case slices.Contains(stepKeywords, short):
		return short, "write a sentence behind it"
	case spacedColon.MatchString(short):
		return short, "no space before the colon"
	}
	return short, "a step begins with Given, When, Then, And, But or *; a comment with #"
}

// lostLine is a line of a description, which nobody runs, that was meant to be more.
type lostLine struct {
	at              messages.Location
	finding, remedy string
}

var header = regexp.MustCompile(`(?i)^(?:background|examples?|rule)\s*(?::|$)|^scenario(?: outline)?\b`)

// likeKeyword reports whether a step is meant to begin with this word.
func likeKeyword(word string) bool {
	return slices.ContainsFunc(stepKeywords, func(keyword string) bool {
		return edits(strings.ToLower(word), strings.ToLower(keyword)) <= (len(keyword)-1)/2
	})
}

// lostLines finds in the descriptions of a feature what looks like a step, and like the
// beginning of a scenario above one.
func lostLines(f *messages.Feature, content []byte) (found []lostLine) {
	lines := strings.Split(string(content), "\n")
	look := func(at *messages.Location, description string, ofSteps bool) {
		n, above := at.Line, []lostLine(nil)
		for text := range strings.Lines(description) {
			text = strings.TrimSpace(text)
			for n < int64(len(lines)) && strings.TrimSpace(lines[n]) != text {
				n++
			}
			n++
			line := lines[min(n, int64(len(lines)))-1]
			lost := lostLine{at: messages.Location{Line: n, Column: int64(len(line)-len(strings.TrimLeft(line, " \t"))) + 1},
				finding: fmt.Sprintf("a description, which nobody runs: %q", text)}
			word, behind, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
			switch {
			case header.MatchString(text):
				lost.remedy = "write it with a colon, such as Background: or Scenario:"
				above = append(above, lost)
			case likeKeyword(word) && find(strings.TrimSpace(behind)) != nil, ofSteps && find(text) != nil:
				lost.remedy = "begin it with Given, When, Then, And or But and a space, below a Scenario:"
				found = append(append(found, above...), lost)
				above = nil
			}
		}
	}
	child := func(b *messages.Background, s *messages.Scenario) {
		if b != nil {
			look(b.Location, b.Description, true)
		}
		if s != nil {
			look(s.Location, s.Description, true)
			for _, e := range s.Examples {
				look(e.Location, e.Description, false)
			}
		}
	}
	look(f.Location, f.Description, false)
	for _, c := range f.Children {
		child(c.Background, c.Scenario)
		if c.Rule != nil {
			look(c.Rule.Location, c.Rule.Description, false)
			for _, c := range c.Rule.Children {
				child(c.Background, c.Scenario)
			}
		}
	}
	return found
}

func (c *checker) wrong(at *messages.Location, remedy, finding string, args ...any) {
	m := Mistake{File: c.file, Line: at.Line, Column: at.Column, Finding: record.Clean(fmt.Sprintf(finding, args...)), Remedy: record.Clean(remedy)}
	if !slices.Contains(c.Mistakes, m) { // each row of Examples has the same steps
		c.Mistakes = append(c.Mistakes, m)
	}
}

// knownTags are those that mean something to lanstorm, or to its own features.
var knownTags = []string{"@builtin", "@download", "@hardware", "@internet", "@ipv6", "@known", "@lab", "@scale", "@short-leases", "@smoke", "@thousand", "@upload", "@video"}

// tagLike names a known tag that tag may be meant to be. @ipv4 is not meant to be
// @ipv6.
func tagLike(tag string) string {
	for _, known := range knownTags {
		digits := func(s string) string { return strings.TrimRight(s, "0123456789") }
		if edits(tag, known) <= max(1, (min(len(tag), len(known))-1)/4) && digits(tag) != digits(known) {
			return fmt.Sprintf("did you mean %s?", known)
		}
	}
	return ""
}

// mark notes which tags there are, and those that are almost known.
func (c *checker) mark(tags []*messages.Tag) {
	for _, t := range tags {
		c.tags[t.Name] = true
		if like := tagLike(t.Name); like != "" && !slices.Contains(knownTags, t.Name) {
			c.wrong(t.Location, like, "no such tag: %s", t.Name)
		}
	}
}

// child looks at what becomes no scenario, and so is run by nobody.
func (c *checker) child(child *messages.FeatureChild) {
	steps := func(all []*messages.Step) {
		for _, s := range all {
			c.at[s.Id] = s.Location
		}
	}
	if r := child.Rule; r != nil {
		c.mark(r.Tags)
		for _, child := range r.Children {
			c.child(&messages.FeatureChild{Background: child.Background, Scenario: child.Scenario})
		}
	}
	if b := child.Background; b != nil {
		steps(b.Steps)
	}
	s := child.Scenario
	if s == nil {
		return
	}
	c.at[s.Id] = s.Location
	c.mark(s.Tags)
	steps(s.Steps)
	if len(s.Steps) == 0 {
		c.wrong(s.Location, noSteps, "%q has no steps", s.Name)
	}
	for _, e := range s.Examples {
		c.mark(e.Tags)
		if len(e.TableBody) == 0 {
			c.wrong(e.Location, "write rows below the names of the columns", "these Examples have no rows, so %q never runs", s.Name)
		}
	}
}

const noSteps = "write some, or take the scenario away"

// pickle looks at a scenario as it would run.
func (c *checker) pickle(p *messages.Pickle) {
	for _, step := range p.Steps {
		if finding, remedy := wrongWith(step); finding != "" && !(c.damaged && step.Argument != nil) {
			c.wrong(c.at[step.AstNodeIds[0]], remedy, "%s", finding)
		}
	}
	name := record.Clean(p.Name)
	c.names[name], c.names[c.file+":"+name] = true, true
	at := c.at[p.AstNodeIds[0]]
	has := func(tag string) bool {
		return slices.ContainsFunc(p.Tags, func(t *messages.PickleTag) bool { return t.Name == tag })
	}
	for _, other := range []string{"@lab", "@builtin"} {
		if has("@hardware") && has(other) {
			c.wrong(at, "take one of the tags away", "%q never runs: @hardware needs a real router, %s the lab", p.Name, other)
			return
		}
	}
	if what, why := impossible(p, c.elsewhere); why != "" {
		c.Mistakes = append(c.Mistakes, Mistake{File: c.file, Line: at.Line, Column: at.Column, Note: true,
			Finding: fmt.Sprintf("%q (%s) is skipped here: it %s", p.Name, what, why)})
	}
}

// wrongWith says what is wrong with a step, and what to do; nothing, if it can be
// done.
func wrongWith(step *messages.PickleStep) (finding, remedy string) {
	found := find(step.Text)
	switch {
	case len(found) > 1:
		return fmt.Sprintf("two sentences are meant by %q: `%s` and `%s`", step.Text, found[0].text, found[1].text), "say it in other words"
	case len(found) == 0 && aboutWifi(step.Text):
		return "", "" // its scenario is skipped
	case len(found) == 0:
		remedy = cmp.Or(nearest(step.Text), "`lanstorm steps` lists those there are")
		if m := placeholder.FindStringSubmatch(step.Text); m != nil {
			remedy = fmt.Sprintf("no column of Examples is called %s", m[1])
		}
		return fmt.Sprintf("no such sentence: %q", step.Text), remedy
	}
	err := found[0].check(step)
	if err == nil && step.Argument != nil && step.Argument.DataTable != nil {
		err = fits(step.Argument.DataTable)
	}
	switch {
	case err == nil:
		return "", ""
	case strings.Contains(err.Error(), "too large"), strings.Contains(err.Error(), "more than 100"):
		remedy = "write a smaller one"
	case strings.Contains(err.Error(), "less than nothing"), strings.Contains(err.Error(), "is no URL"):
	case strings.Contains(err.Error(), "takes no"):
		remedy = "take it away"
	default:
		remedy = "| clients | doing | above rows such as | 10 | downloading |"
	}
	return fmt.Sprintf("%q: %v", step.Text, err), remedy
}
