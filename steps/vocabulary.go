package steps

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/screen"
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
		{"Wi-Fi", w.wifi(), false},
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

// find finds the sentences that text is: one, if all is well.
func find(text string) (found []sentence) {
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			if s.pattern().MatchString(text) {
				found = append(found, s)
			}
		}
	}
	return found
}

// entry is a sentence as it is listed: all wordings of one method are one.
type entry struct {
	Chapter  string   `json:"chapter"`
	Sentence string   `json:"sentence"`
	Also     []string `json:"also,omitempty"`
	Means    string   `json:"means"`
	method   string   // empty: it has no name, and so no other wordings
}

// entries are those sentences that have all of the words, in any case, in them or in
// their meaning. It is an error when there is none.
func entries(words []string) ([]entry, error) {
	var all []entry
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			method := runtime.FuncForPC(reflect.ValueOf(s.do).Pointer()).Name()
			if !strings.HasSuffix(method, "-fm") { // a function that a method made
				method = ""
			}
			i := slices.IndexFunc(all, func(e entry) bool { return method != "" && e.method == method && e.Means == s.means })
			if i >= 0 {
				all[i].Also = append(all[i].Also, s.text)
				continue
			}
			all = append(all, entry{Chapter: c.title, Sentence: s.text, Means: s.means, method: method})
		}
	}
	all = slices.DeleteFunc(all, func(e entry) bool {
		text := strings.ToLower(fmt.Sprint(e.Chapter, e.Sentence, e.Also, e.Means))
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) })
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("no sentence has to do with %q", strings.Join(words, " "))
	}
	return all, nil
}

const keywords = "Begin a sentence with Given, When, Then, And or But: the word makes no difference.\n"

// PrintVocabulary lists the sentences that have to do with the words, or all, with
// what they mean, in 80 columns.
func PrintVocabulary(out io.Writer, words ...string) error {
	return printEntries(out, words, func(b *strings.Builder, all []entry) {
		if len(words) == 0 {
			b.WriteString(wrap(0, keywords) + legend)
		}
		chapter := ""
		for _, e := range all {
			if e.Chapter != chapter {
				chapter = e.Chapter
				fmt.Fprintf(b, "\n%s\n", chapter)
			}
			b.WriteString(wrap(2, e.Sentence))
			for _, also := range e.Also {
				b.WriteString(wrap(2, "or: "+also))
			}
			b.WriteString(wrap(8, e.Means))
		}
	})
}

// PrintVocabularyMarkdown prints the same as a page of Markdown.
func PrintVocabularyMarkdown(out io.Writer, words ...string) error {
	return printEntries(out, words, func(b *strings.Builder, all []entry) {
		b.WriteString("# The sentences\n\nWritten by `lanstorm steps --markdown`. " + keywords + "\n```\n" + legend + "```\n")
		chapter := ""
		for _, e := range all {
			if e.Chapter != chapter {
				chapter = e.Chapter
				fmt.Fprintf(b, "\n## %s\n\n", chapter)
			}
			fmt.Fprintf(b, "- `%s`\n", strings.Join(append([]string{e.Sentence}, e.Also...), "`\n  or `"))
			fmt.Fprintf(b, "  <br>%s\n", strings.ReplaceAll(e.Means, "<", "\\<"))
		}
	})
}

// PrintVocabularyJSON prints an array of chapter, sentence, also (its other
// wordings) and means.
func PrintVocabularyJSON(out io.Writer, words ...string) error {
	return printEntries(out, words, func(b *strings.Builder, all []entry) {
		encoder := json.NewEncoder(b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(all)
	})
}

func printEntries(out io.Writer, words []string, print func(*strings.Builder, []entry)) error {
	all, err := entries(words)
	if err != nil {
		return err
	}
	var b strings.Builder
	print(&b, all)
	_, err = io.WriteString(out, b.String())
	return err
}

// wrap breaks text into lines of 80 columns, each behind an indent.
func wrap(indent int, text string) string { return screen.Indented(indent, text, 80) + "\n" }
