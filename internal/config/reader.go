package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// readFile sets what the YAML in data says.
func (c *Config) readFile(name string, data []byte) error {
	c.File = name
	root, err := parseYAML(name, data)
	if root == nil || err != nil {
		return err
	}
	r := reader{config: c, name: name, lines: map[string]int{}}
	return r.section("", root)
}

// reader walks a YAML mapping and hands every value to its key.
type reader struct {
	config *Config
	name   string
	lines  map[string]int // by path of a key or section: where it stands
}

// section reads the keys of m, whose paths begin with prefix.
func (r *reader) section(prefix string, m *ast.MappingNode) error {
	for _, entry := range m.Values {
		n := line(entry.Key)
		name, ok := scalar(entry.Key)
		if !ok {
			return fmt.Errorf("%s:%d: a key that is not a plain word", r.name, n)
		}
		path := prefix + name
		if first, twice := r.lines[path]; twice {
			return fmt.Errorf("%s: given twice (first on line %d)", r.at(n, path), first)
		}
		r.lines[path] = n
		if err := r.entry(path, n, entry.Value); err != nil {
			return err
		}
	}
	return nil
}

// entry reads what stands at path, a key or a section, on line n.
func (r *reader) entry(path string, n int, value ast.Node) error {
	at := r.at(n, path)
	k, isKey := lookup(path)
	m, isMapping := value.(*ast.MappingNode)
	if !isKey && !isSection(path) {
		return fmt.Errorf("%s: %w", at, unknownKey(path))
	}
	switch {
	case k.pairs && isMapping:
		return r.pairs(k, n, m)
	case isKey && isMapping:
		return fmt.Errorf("%s: takes a value, not keys of its own", at)
	case isKey:
		return r.value(k, n, value)
	case isMapping:
		return r.section(path+".", m)
	default:
		return fmt.Errorf("%s: takes keys of its own, indented on the lines below", at)
	}
}

// value sets k to a scalar or a list of scalars.
func (r *reader) value(k key, n int, value ast.Node) error {
	at := r.at(n, k.path)
	text, plain := scalar(value)
	list, isList := value.(*ast.SequenceNode)
	switch {
	case value.Type() == ast.NullType:
		return fmt.Errorf("%s: has no value", at)
	case k.pairs:
		return fmt.Errorf("%s: takes names, each with its value, such as \"Ten clients: QA-14\", indented on the lines below", at)
	case isList && !k.list:
		return fmt.Errorf("%s: takes one value, not a list", at)
	case isList:
		var err error
		if text, err = r.items(k, n, list); err != nil {
			return err
		}
	case !plain:
		return fmt.Errorf("%s: not a plain value", at)
	}
	return r.config.put(k, at, text)
}

// items joins a list into the text that the environment would hold. It tries
// each item alone first, so that an error names the line of the item.
func (r *reader) items(k key, n int, list *ast.SequenceNode) (string, error) {
	var texts []string
	for _, item := range list.Values {
		at := r.at(max(n, line(item)), k.path)
		text, ok := scalar(item)
		if !ok || text == "" || strings.Contains(text, ",") {
			return "", fmt.Errorf("%s: a list item that is not one plain value", at)
		}
		var scratch Config
		if err := k.set(&scratch, text); err != nil {
			return "", fmt.Errorf("%s: %w", at, err)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ","), nil
}

// pairs joins keys of the user's own into the text that the environment would hold.
func (r *reader) pairs(k key, n int, m *ast.MappingNode) error {
	all := map[string]string{}
	for _, entry := range m.Values {
		name, plainName := scalar(entry.Key)
		text, plain := scalar(entry.Value)
		if _, twice := all[name]; !plainName || !plain || twice {
			return fmt.Errorf("%s: not a name with one plain value, or given twice", r.at(line(entry.Key), k.path))
		}
		all[name] = text
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("%s: %w", r.at(n, k.path), err)
	}
	return r.config.put(k, r.at(n, k.path), string(text))
}

// at returns what an error about path on line n begins with.
func (r *reader) at(n int, path string) string {
	return fmt.Sprintf("%s:%d: %s", r.name, n, printable(path))
}

// printable returns s quoted when an error line could not show it as it is.
func printable(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
