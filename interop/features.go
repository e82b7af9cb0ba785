package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/record"
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
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c.Results.Dir = dir
	var notes bytes.Buffer
	s := steps.Suite{Config: c, FS: fsys, Paths: []string{path}, Output: io.Discard, Notes: &notes, NoColors: true}
	code := s.Run(ctx)
	for note := range strings.Lines(notes.String()) {
		if complaint, ok := strings.CutPrefix(note, "lanstorm: "); ok {
			return nil, errors.New(strings.TrimSpace(complaint))
		}
	}
	if code > 128 {
		return nil, fmt.Errorf("interrupted (exit code %d)", code)
	}
	run, err := record.Read(s.Dir)
	if err != nil {
		return nil, err
	}
	return verdictsOf(run), nil
}
