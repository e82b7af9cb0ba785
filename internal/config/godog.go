package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var tag = regexp.MustCompile(`^~?@[^\s@,&~|!()"']+$`)

// CheckTags refuses a tag expression that godog would misread. godog knows
// @names joined by && and by commas (which bind tighter), each with an optional
// ~ for "without"; of anything else it silently selects the wrong scenarios or
// panics. The empty expression is valid and selects every scenario.
func CheckTags(expr string) error {
	if expr == "" {
		return nil
	}
	for all := range strings.SplitSeq(expr, "&&") {
		for name := range strings.SplitSeq(all, ",") {
			if !tag.MatchString(strings.TrimSpace(name)) {
				return fmt.Errorf(`%q is not a tag expression: only @names joined by "&&" (and) or "," (or) are allowed, `+
					`with ~ before a name for "not", like "@smoke && ~@internet,@dns"`, expr)
			}
		}
	}
	return nil
}

func tagExpression(text string) (string, error) { return text, CheckTags(text) }

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
