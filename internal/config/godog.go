package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Tags tells whether a scenario with these tags is selected.
type Tags func(tags []string) bool

// ParseTags reads a tag expression as Cucumber has it: @names with and, or, not
// and parentheses. What godog knows is understood, too: "&&" (and), "," (or, which
// binds tighter) and ~ (not), but not both ways in one expression. The empty one
// selects every scenario.
func ParseTags(expr string) (Tags, error) {
	if expr == "" {
		return func([]string) bool { return true }, nil
	}
	text := expr
	if strings.ContainsAny(expr, "&,~") {
		text = translated(expr)
	}
	r := tagReader{rest: tagToken.FindAllString(text, -1)}
	tags := r.or()
	if r.bad || len(r.rest) > 0 {
		return nil, fmt.Errorf(`%q is not a tag expression: write it like "@smoke and not (@internet or @dns)", `+
			`or all of it with godog's own signs, like "@smoke && ~@internet,@dns"`, expr)
	}
	return tags, nil
}

// translated is an expression in godog's signs as Cucumber would have it, or "".
func translated(expr string) string {
	var ands []string
	for all := range strings.SplitSeq(expr, "&&") {
		var ors []string
		for name := range strings.SplitSeq(all, ",") {
			name, not := strings.CutPrefix(strings.TrimSpace(name), "~")
			if !tag.MatchString(name) {
				return ""
			}
			if not {
				name = "not " + name
			}
			ors = append(ors, name)
		}
		ands = append(ands, "("+strings.Join(ors, " or ")+")")
	}
	return strings.Join(ands, " and ")
}

var (
	tag      = regexp.MustCompile(`^@[^\s@,&~|!()"']+$`)
	tagToken = regexp.MustCompile(`[()]|[^\s()]+`)
)

// tagReader reads an expression from its tokens: or binds less than and, and less
// than not.
type tagReader struct {
	rest []string
	bad  bool // it makes no sense
}

func (r *tagReader) take(token string) bool {
	if len(r.rest) == 0 || r.rest[0] != token {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *tagReader) or() Tags {
	left := r.and()
	for r.take("or") {
		a, b := left, r.and()
		left = func(tags []string) bool { return a(tags) || b(tags) }
	}
	return left
}

func (r *tagReader) and() Tags {
	left := r.not()
	for r.take("and") {
		a, b := left, r.not()
		left = func(tags []string) bool { return a(tags) && b(tags) }
	}
	return left
}

func (r *tagReader) not() Tags {
	switch {
	case r.take("not"):
		a := r.not()
		return func(tags []string) bool { return !a(tags) }
	case r.take("("):
		a := r.or()
		r.bad = !r.take(")") || r.bad
		return a
	case len(r.rest) > 0 && tag.MatchString(r.rest[0]):
		name := r.rest[0]
		r.rest = r.rest[1:]
		return func(tags []string) bool { return slices.Contains(tags, name) }
	}
	r.bad = true
	return nil
}

func tagExpression(text string) (string, error) {
	_, err := ParseTags(text)
	return text, err
}

var formatters = []string{"lanstorm", "pretty", "progress", "cucumber", "events", "junit"}

// formats is a list to the reader but one string to godog, which takes white
// space around a comma for a part of the name.
func formats(text string) (string, error) {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
		name, file, toFile := strings.Cut(parts[i], ":")
		if !slices.Contains(formatters, name) {
			return "", fmt.Errorf("%q is not a format (one or more of %s, separated by commas, each alone or as name:file)",
				name, strings.Join(formatters, ", "))
		}
		if toFile && file == "" {
			return "", fmt.Errorf("%q names no file", parts[i])
		}
	}
	return strings.Join(parts, ","), nil
}
