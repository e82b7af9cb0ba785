package steps

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
	"github.com/google/go-cmp/cmp"
)

// characters is every one that means something in a regular expression.
const characters = `a.b?c+d|e*f^g$h{2}i\d j\`

func TestNotationCompilesToWhatPeopleWrite(t *testing.T) {
	for _, tt := range []struct {
		name, sentence, text string
		want                 []string // the arguments; nil when the text is another sentence
	}{
		{"a bare number", `I create <n> clients`, `I create 10 clients`, []string{"10"}},
		{"a quoted number", `I create <n> clients`, `I create "10" clients`, []string{"10"}},
		{"a negative number reaches the step, which refuses it", `I create <n> clients`, `I create -1 clients`, []string{"-1"}},
		{"a word is no number", `I create <n> clients`, `I create ten clients`, nil},
		{"an optional part that is there", `ping Google DNS[ <IPV4>]`, `ping Google DNS "IPv6"`, []string{"IPv6"}},
		{"an optional part that is not", `ping Google DNS[ <IPV4>]`, `ping Google DNS`, []string{""}},
		{"a number that counts", `every <n>th message`, `every 2nd message`, []string{"2"}},
		{"a quoted name", `resolve "<name>"`, `resolve "a.b"`, []string{"a.b"}},
		{"a decimal", `lose more than <x>% of`, `lose more than 0.5% of`, []string{"0.5"}},
		{"a decimal that is none", `lose more than <x>% of`, `lose more than "1"% of`, []string{"1"}},
		{"a decimal is no integer", `I create <n> clients`, `I create 1.5 clients`, nil},
		{"a decimal that counts", `the <x>th percentile`, `the 99.9th percentile`, []string{"99.9"}},
		{"a time", `within <time>`, `within 30 seconds`, []string{"30 seconds"}},
		{"a time without its unit", `within <time>`, `within 30`, nil},
		{"one client", `<n> client(s) ask(s)`, `1 client asks`, []string{"1"}},
		{"many clients", `<n> client(s) ask(s)`, `2 clients ask`, []string{"2"}},
		{"one host has", `<n> address(es) have/has`, `1 address has`, []string{"1"}},
		{"many hosts have", `<n> address(es) have/has`, `2 addresses have`, []string{"2"}},
		{"all else stands for itself", characters, characters, []string{}},
		{"and for nothing else", characters, `axbcdef`, nil},
		{"no character is one of many", `is it up?`, `is it u`, nil},
		{"a sentence is no alternative", `up|down`, `up`, nil},
		{"parentheses stand for themselves", `addresses (IPv4 or IPv6)`, `addresses (IPv4 or IPv6)`, []string{}},
		{"the whole text must match", `I create <n> clients`, `Then I create 10 clients`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := sentence{text: tt.sentence}.pattern().FindStringSubmatch(tt.text)
			var got []string
			if m != nil {
				got = m[1:]
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

// The sentences that QA teams brought along must run as they stand.
func TestSentencesOfTheBehaveSuitesAreKnown(t *testing.T) {
	f, err := os.Open("testdata/behave.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		count++
		if _, ok := find(text); !ok {
			t.Errorf("not in the vocabulary: %s", text)
		}
	}
	if count < 20 {
		t.Errorf("only %d sentences read", count)
	}
}

func TestNoTextMatchesTwoSentences(t *testing.T) {
	var all []sentence
	for _, c := range chapters(nil) {
		all = append(all, c.sentences...)
	}
	example := strings.NewReplacer("<n>", "7", "<x>", "7.5", "<time>", "7 s", "<name>", "x", "<IPV4>", "IPV4", "<size>", "7 MB", "<clients>", "7 of the clients", "[", "", "]", "",
		"(s)", "s", "(es)", "es", "have/has", "have")
	for i, s := range all {
		text := example.Replace(s.text)
		for j, other := range all {
			if matches := other.pattern().MatchString(text); matches != (i == j) {
				t.Errorf("%q matches %q: %v", text, other.text, matches)
			}
		}
	}
}

func TestVocabularyIsPrintedWhole(t *testing.T) {
	var out strings.Builder
	if err := PrintVocabulary(&out); err != nil {
		t.Fatal(err)
	}
	for _, c := range chapters(nil) {
		for _, s := range c.sentences {
			if !strings.Contains(out.String(), s.text) || !strings.Contains(out.String(), s.means) || s.means == "" {
				t.Errorf("%q and its meaning are not printed", s.text)
			}
		}
	}
}

func TestSizesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]size{
		"20MB": 20e6, `"20MB"`: 20e6, "20 MB": 20e6, "1.5 GB": 1.5e9, "500KB": 500e3, "0MB": 0, "-1MB": -1e6,
	} {
		if n, err := readSize(text); n != want || err != nil {
			t.Errorf("%q is %d, %v; want %d", text, n, err, want)
		}
	}
	if n, err := readSize("99999999999999999999GB"); err == nil {
		t.Errorf("more than there is: %d", n)
	}
}

func TestTimesAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`30 seconds`:      30 * time.Second,
		`"30" seconds`:    30 * time.Second,
		`"30 seconds"`:    30 * time.Second,
		`30 s`:            30 * time.Second,
		`30s`:             30 * time.Second,
		`1 second`:        time.Second,
		`0.5 seconds`:     500 * time.Millisecond,
		`100 ms`:          100 * time.Millisecond,
		`1 millisecond`:   time.Millisecond,
		`1.5 ms`:          1500 * time.Microsecond,
		`2 minutes`:       2 * time.Minute,
		`1 min`:           time.Minute,
		`5m`:              5 * time.Minute,
		`1 hour`:          time.Hour,
		`24 h`:            24 * time.Hour,
		`-1 seconds`:      -time.Second,
		`9999999 seconds`: 9999999 * time.Second,
	} {
		var got time.Duration
		s := sentence{text: `wait for <time>`, do: func(d time.Duration) error { got = d; return nil }}
		step := "wait for " + text
		if m := s.pattern().FindStringSubmatch(step); m == nil {
			t.Errorf("not a time: %s", text)
		} else if err := s.handler().(func(string) error)(m[1]); err != nil || got != want {
			t.Errorf("%s is read as %s, %v, want %s", text, got, err, want)
		}
	}
}

// What a step has below it, and its numbers, must be what the sentence takes.
func TestStepsThatCannotBeDone(t *testing.T) {
	const many = "99999999999999999999999"
	table := &messages.PickleStepArgument{DataTable: &messages.PickleTable{}}
	doc := &messages.PickleStepArgument{DocString: &messages.PickleDocString{}}
	for _, tt := range []struct {
		name, sentence, text string
		do                   any
		below                *messages.PickleStepArgument
		want                 string
	}{
		{"a table that nobody takes", `do`, `do`, func() error { return nil }, table, "this sentence takes no table"},
		{"a doc string that nobody takes", `<n>`, `1`, func(context.Context, int) error { return nil }, doc, "this sentence takes no doc string"},
		{"no table", `do`, `do`, func(*godog.Table) error { return nil }, nil, "this sentence needs a table below it"},
		{"no doc string", `do`, `do`, func(*godog.DocString) error { return nil }, nil, "this sentence needs a doc string below it"},
		{"the one for the other", `do`, `do`, func(*godog.Table) error { return nil }, doc, "this sentence needs a table below it, not a doc string"},
		{"a table where it belongs", `<n>`, `1`, func(context.Context, int, *godog.Table) error { return nil }, table, ""},
		{"nothing where nothing belongs", `<time>`, `1 s`, func(time.Duration) error { return nil }, nil, ""},
		{"too large an integer", `<n>`, many, func(int) error { return nil }, nil, many + " is too large a number"},
		{"too long a time", `<time>`, many + " hours", func(context.Context, time.Duration) error { return nil }, nil, many + " hours is too large a number"},
		{"too large a decimal", `<x>%`, strings.Repeat("9", 400) + "%", func(float64) error { return nil }, nil, " is too large a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := sentence{text: tt.sentence, do: tt.do}.check(&messages.PickleStep{Text: tt.text, Argument: tt.below})
			if got := fmt.Sprint(err); err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.HasSuffix(got, tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
