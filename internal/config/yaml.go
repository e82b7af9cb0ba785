package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds a file in bytes. The YAML parser takes quadratic time, and a
// stack frame per bracket, for a file of nothing but open brackets.
const maxFile = 32 << 10

// parseYAML returns the mapping that data consists of, nil when it is empty.
func parseYAML(name string, data []byte) (root *ast.MappingNode, err error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d KiB", name, maxFile>>10)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: not UTF-8 text", name)
	}
	defer func() {
		// The library panics on some malformed documents, as a test shows.
		if recover() != nil {
			root, err = nil, fmt.Errorf("%s: not valid YAML", name)
		}
	}()
	text := strings.TrimPrefix(string(data), "\ufeff")
	// Duplicates are left to the reader, whose error says where the first one is.
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxError(name, err)
	}
	for _, doc := range file.Docs {
		switch body := doc.Body.(type) {
		case nil:
		case *ast.MappingNode:
			if root != nil {
				return nil, fmt.Errorf("%s:%d: a second document (only one is allowed)", name, line(body))
			}
			root = body
		default:
			return nil, fmt.Errorf("%s:%d: not a key with a value", name, line(body))
		}
	}
	return root, nil
}

// plainer rewords what a beginner in YAML meets first.
var plainer = strings.NewReplacer(
	"found character '\t' that cannot start any token", "a tab in the indentation (use spaces)",
	"is a reserved character", "cannot begin a value (put the value in quotes)",
)

// syntaxError reduces an error of the YAML library, which quotes the source
// over several lines, to one line.
func syntaxError(name string, err error) error {
	at, what := name, err.Error()
	var e yaml.Error
	if errors.As(err, &e) {
		what = plainer.Replace(e.GetMessage())
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			at = fmt.Sprintf("%s:%d", name, tk.Position.Line)
		}
	}
	return fmt.Errorf("%s: %s", at, strings.Join(strings.Fields(what), " "))
}

// line returns where n begins, 1 when the library does not know.
func line(n ast.Node) int {
	if n == nil {
		return 1
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key // the mapping's own token is the first colon
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 1
}

// scalar returns the text of a plain value. Null is none, nor is anything that
// only refers to another value.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}
