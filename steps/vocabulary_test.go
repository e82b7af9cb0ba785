package steps

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		if !known(text) {
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
	example := strings.NewReplacer("<n>", "7", "<name>", "x", "<IPV4>", "IPV4", "[", "", "]", "")
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
