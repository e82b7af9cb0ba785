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
		section, _, _ := strings.Cut(k.path, ".")
		names = append(names, section, k.path)
	}
	return didYouMean(path, names)
}

// unknownEnv is [unknownKey] for an environment variable.
func unknownEnv(name string) error {
	var names []string
	for _, k := range keys {
		names = append(names, envName(k.path))
	}
	return didYouMean(name, names)
}

// didYouMean names the first of names that differs from name in one place, by
// two letters at most.
func didYouMean(name string, names []string) error {
	for _, n := range names {
		a, b := strings.ToLower(name), strings.ToLower(n)
		for a != "" && b != "" && a[0] == b[0] {
			a, b = a[1:], b[1:]
		}
		for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
			a, b = a[:len(a)-1], b[:len(b)-1]
		}
		if max(len(a), len(b)) <= min(2, len(n)/2) {
			return fmt.Errorf("unknown key (did you mean %s?)", n)
		}
	}
	return errors.New("unknown key")
}
