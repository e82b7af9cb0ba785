package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/steps"
)

// meetAll runs the features against one server after the other.
func meetAll(ctx context.Context, chosen []program, path string) (columns []column, err error) {
	if path == "" {
		return nil, nil
	}
	for _, p := range chosen {
		fmt.Fprintf(os.Stderr, "%s: the features\n", p.name)
		v, err := p.meetFeatures(ctx, features.FS, path)
		if err != nil {
			return nil, fmt.Errorf("%s, features: %w", p.name, err)
		}
		columns = append(columns, column{p.name, v})
	}
	return columns, nil
}

// meetFeatures runs the features against the server, in a lab like that of the
// other table.
func (p program) meetFeatures(ctx context.Context, fsys fs.FS, path string) (verdicts, error) {
	c := config.Default()
	c.Lab = labOptions(p.server)
	c.DHCP.Timeout = deadline
	c.Godog.Format = "cucumber"
	var output, notes bytes.Buffer
	s := steps.Suite{Config: c, FS: fsys, Paths: []string{path}, Output: &output, Notes: &notes, NoColors: true}
	code := s.Run(ctx)
	for note := range strings.Lines(notes.String()) {
		if complaint, ok := strings.CutPrefix(note, "lanstorm: "); ok {
			return nil, errors.New(strings.TrimSpace(complaint))
		}
	}
	if code > 128 {
		return nil, fmt.Errorf("interrupted (exit code %d)", code)
	}
	v, err := parse(output.Bytes())
	for _, left := range s.Skipped {
		v.add(scenario{left.File, left.Scenario}, leftOut, "left out: "+left.Reason)
	}
	return v, err
}
