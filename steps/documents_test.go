package steps

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Every feature in the documents, whole or in part, must be in the vocabulary.
func TestSentencesInTheDocumentsAreKnown(t *testing.T) {
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	known := func(text string) bool {
		for _, c := range chapters(nil) {
			for _, s := range c.sentences {
				if s.pattern().MatchString(text) {
					return true
				}
			}
		}
		return false
	}
	block := regexp.MustCompile("(?ms)^```gherkin\n(.*?)^```$")
	step := regexp.MustCompile(`(?m)^ *(?:Given|When|Then|And|But|\*) (.*)$`)
	count := 0
	for _, document := range append(documents, "../README.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, feature := range block.FindAllStringSubmatch(string(text), -1) {
			for _, s := range step.FindAllStringSubmatch(feature[1], -1) {
				count++
				if !known(s[1]) {
					t.Errorf("%s: not in the vocabulary: %s", document, s[1])
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d sentences read", count)
	}
}
