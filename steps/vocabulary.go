package steps

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/cucumber/godog"
)

// sentence is one row of the vocabulary. text is written for people, in a
// notation that compiles to the regular expression that godog wants:
//
//	<n>         an integer, bare or in double quotes
//	<n>th       1st, 2nd, 3rd, 4th, ...
//	"<name>"    anything, in double quotes
//	<IPV4>      IPV4 or IPV6, in any case, bare or in double quotes
//	[ words]    may be left out
type sentence struct {
	text  string
	means string // one line of help
	do    any    // a method of world: one argument for each <...>
}

// chapter is the sentences about one topic, kept in one file.
type chapter struct {
	title     string
	sentences []sentence
}

// chapters is the whole vocabulary, bound to a scenario's world.
func chapters(w *world) []chapter {
	return []chapter{
		{"Set-up", w.setup()},
		{"Addresses", w.addresses()},
		{"Leases", w.leases()},
		{"Clients that ask, and give back", w.asking()},
		{"DHCP servers", w.servers()},
		{"Connectivity", w.connectivity()},
		{"Latency", w.latency()},
		{"Names and pages", w.names()},
		{"The lab's router, misbehaving on purpose", w.router()},
	}
}

var notation = strings.NewReplacer(
	`"<name>"`, `"([^"]+)"`,
	`<n>th`, `"?(-?\d+)"?(?:st|nd|rd|th)`,
	`<n>`, `"?(-?\d+)"?`,
	`<IPV4>`, `"?((?i:ipv[46]))"?`,
	`[`, `(?:`,
	`]`, `)?`,
	`(`, `\(`,
	`)`, `\)`,
	`.`, `\.`,
)

// patterns are the compiled texts: every scenario defines all sentences anew.
var patterns sync.Map

func (s sentence) pattern() *regexp.Regexp {
	if re, ok := patterns.Load(s.text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile("^" + notation.Replace(s.text) + "$")
	patterns.Store(s.text, re)
	return re
}

// define gives the vocabulary to godog.
func define(sc *godog.ScenarioContext, w *world) {
	for _, c := range chapters(w) {
		for _, s := range c.sentences {
			sc.Step(s.pattern(), w.explained(s.do))
		}
	}
}

// known reports whether text is a sentence of the vocabulary.
func known(text string) bool {
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			if s.pattern().MatchString(text) {
				return true
			}
		}
	}
	return false
}

// PrintVocabulary lists every sentence with what it means.
func PrintVocabulary(out io.Writer) error {
	var b strings.Builder
	b.WriteString("Begin a sentence with Given, When, Then, And or But: the word makes no difference.\n" +
		"<n> is an integer, bare or in double quotes; [what is in brackets] may be left out.\n")
	for _, c := range chapters(nil) {
		fmt.Fprintf(&b, "\n%s\n", c.title)
		for _, s := range c.sentences {
			fmt.Fprintf(&b, "  %s\n        %s\n", s.text, s.means)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
