package main

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"
)

// scenario is one of the features'. Those of an outline that are called the same
// count as one.
type scenario struct{ File, Name string }

// agenda is which scenarios the table is about.
type agenda struct {
	scenarios []scenario
	builtin   []scenario // that need the lab's own server
}

// read leaves out what needs a real router.
func read(fsys fs.FS, path string) (a agenda, err error) {
	if path == "" {
		return a, nil
	}
	options := &godog.Options{FS: fsys, Paths: []string{path}}
	features, err := godog.TestSuite{Options: options}.RetrieveFeatures()
	if err != nil {
		return a, fmt.Errorf("-features: %s", oneLine(err.Error()))
	}
	for _, f := range features {
		for _, p := range f.Pickles {
			tagged := func(name string) bool {
				return slices.ContainsFunc(p.Tags, func(t *messages.PickleTag) bool { return t.Name == name })
			}
			s := scenario{f.Uri, p.Name}
			switch {
			case tagged("@hardware"), slices.Contains(a.scenarios, s), slices.Contains(a.builtin, s):
			case tagged("@builtin"):
				a.builtin = append(a.builtin, s)
			default:
				a.scenarios = append(a.scenarios, s)
			}
		}
	}
	return a, nil
}
