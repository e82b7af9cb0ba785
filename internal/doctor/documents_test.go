package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What docs/raspberry-pi.md says that doctor says, in the third column of its table by
// symptom, must be made of texts in the code.
func TestTheDocumentsQuoteDoctor(t *testing.T) {
	page, err := os.ReadFile("../../docs/raspberry-pi.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, "*.go", "../machine/*.go", "../../netmgr/parent.go")
	verb := regexp.MustCompile(`%[a-z]`)
	quoted := func(phrase string) bool {
		for _, text := range texts {
			plain := verb.ReplaceAllString(text, "")
			re := strings.Join(verb.Split(regexp.QuoteMeta(strings.TrimRight(text, ": ")), -1), ".*")
			if 2*len(plain) > len(phrase) && regexp.MustCompile(re).MatchString(phrase) {
				return true
			}
		}
		return false
	}
	_, table, _ := strings.Cut(string(page), "| doctor says |")
	count := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			if count > 0 {
				break
			}
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
			count++
			if phrase := strings.TrimRight(m[1], "…"); !quoted(phrase) {
				t.Errorf("doctor does not say: %s", phrase)
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d texts read", count)
	}
}

// textsOf are the string literals in Go files, but for tests.
func textsOf(t *testing.T, patterns ...string) (texts []string) {
	t.Helper()
	for _, pattern := range patterns {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					texts = append(texts, text)
				}
				return true
			})
		}
	}
	return texts
}
