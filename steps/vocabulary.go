package steps

import (
	"fmt"
	"io"
	"strings"

	"github.com/cucumber/godog"
)

// sentence is one row of the vocabulary. text is written for people, in the
// notation that legend explains.
type sentence struct {
	text  string
	means string // one line of help
	do    any    // a method of world: one argument for each <...>
}

// chapter is the sentences about one topic, kept in one file.
type chapter struct {
	title     string
	sentences []sentence
	leases    bool // they are about what clients have by DHCP for IPv4
}

// chapters is the whole vocabulary, bound to a scenario's world.
func chapters(w *world) []chapter {
	return []chapter{
		{"Set-up", w.setup(), false},
		{"Addresses", w.addresses(), false},
		{"Leases", w.leases(), true},
		{"Clients that ask, and give back", w.asking(), true},
		{"DHCP servers", w.servers(), true},
		{"Connectivity", w.connectivity(), false},
		{"IPv6", w.ipv6(), false},
		{"Latency", w.latency(), false},
		{"Names and pages", w.names(), false},
		{"Downloads and uploads", w.traffic(), false},
		{"Video", w.video(), false},
		{"Different things at one time", w.mixed(), false},
		{"Latency under load", w.underLoad(), false},
		{"The lab's router, misbehaving on purpose", w.router(), false},
	}
}

// define gives the vocabulary to godog.
func define(sc *godog.ScenarioContext, w *world) {
	for _, c := range chapters(w) {
		for _, s := range c.sentences {
			sc.Step(s.pattern(), w.explained(c, s.handler()))
		}
	}
}

// find finds the sentence that text is.
func find(text string) (s sentence, ok bool) {
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			if s.pattern().MatchString(text) {
				return s, true
			}
		}
	}
	return s, false
}

// PrintVocabulary lists every sentence with what it means.
func PrintVocabulary(out io.Writer) error {
	var b strings.Builder
	b.WriteString("Begin a sentence with Given, When, Then, And or But: the word makes no difference.\n" + legend)
	for _, c := range chapters(nil) {
		fmt.Fprintf(&b, "\n%s\n", c.title)
		for _, s := range c.sentences {
			fmt.Fprintf(&b, "  %s\n        %s\n", s.text, s.means)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
