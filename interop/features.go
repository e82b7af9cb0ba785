package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/steps"
)

var complaint = regexp.MustCompile(`(?m)^lanstorm: (.*)$`)

// meetFeatures runs features against the server, in a lab like that of the other
// table.
func (p program) meetFeatures(ctx context.Context, fsys fs.FS, path string) (*record.Run, error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := config.Default()
	c.Lab, c.DHCP.Timeout, c.Results.Dir = labOptions(p.server), deadline, dir
	var notes bytes.Buffer
	s := steps.Suite{Config: c, FS: fsys, Paths: []string{path}, Output: io.Discard, Notes: &notes, NoColors: true}
	code := s.Run(ctx)
	if m := complaint.FindStringSubmatch(notes.String()); m != nil {
		return nil, errors.New(m[1])
	}
	if code > 128 {
		return nil, fmt.Errorf("interrupted (exit code %d)", code)
	}
	return record.Read(s.Dir)
}
