package config

import (
	"errors"
	"fmt"
	"strings"
)

// unknownKey says that neither a key nor a section is called path, and which
// of them almost is.
func unknownKey(path string) error {
	if isSection(path) {
		return errors.New("a section, not a key")
	}
	if path == "clients.concurrency" { // until dhcp.in_flight took its place
		return errors.New("there is no such key any more: see dhcp.in_flight")
	}
	var names []string
	for _, k := range keys {
		if section, _, nested := strings.Cut(k.path, "."); nested {
			names = append(names, section)
		}
		names = append(names, k.path)
	}
	return didYouMean(nearest(path, names))
}

// unknownEnv is [unknownKey] for an environment variable. The prefix that all
// variables share says nothing about how alike two of them are.
func unknownEnv(name string) error {
	var names []string
	for _, k := range keys {
		names = append(names, strings.TrimPrefix(envName(k.path), envPrefix))
	}
	best := nearest(strings.TrimPrefix(name, envPrefix), names)
	if best != "" {
		best = envPrefix + best
	}
	return didYouMean(best)
}

func didYouMean(name string) error {
	if name == "" {
		return errors.New("unknown key")
	}
	return fmt.Errorf("unknown key (did you mean %s?)", name)
}

// nearest returns the one of names that takes the fewest edits to make of name,
// the first of equals, or "" when all are too different to have been meant.
func nearest(name string, names []string) string {
	best, fewest := "", 2+len(name)/4
	for _, n := range names {
		if d := edits(strings.ToLower(name), strings.ToLower(n)); d < fewest {
			best, fewest = n, d
		}
	}
	return best
}

// edits returns the Levenshtein distance between a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
