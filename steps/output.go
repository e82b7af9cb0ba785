package steps

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/cucumber/godog"
	"github.com/cucumber/godog/colors"

	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/screen"
	"github.com/lanstorm/lanstorm/internal/signals"
)

// sink is an output of a run. godog takes no notice of a write that failed;
// the run does.
type sink struct {
	io.Writer
	failed func(error)

	mu   sync.Mutex
	line []byte // a sentence that is not written yet
}

// Write leaves out what godog's pretty tells behind each sentence: where in this
// program it is defined, which is always the same. Sentences come letter by
// letter, and so wait for the end of their line.
func (o *sink) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := p; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		o.line, rest = append(o.line, rest[:n]...), rest[n:]
		const indent = "    "
		if !bytes.HasSuffix(o.line, []byte("\n")) && strings.HasPrefix(string(o.line), indent[:min(len(o.line), len(indent))]) {
			continue
		}
		line := definition.ReplaceAll(o.line, []byte("$1"))
		o.line = o.line[:0]
		if _, err := o.Writer.Write(line); err != nil {
			o.failed(err)
			return 0, err
		}
	}
	return len(p), nil
}

var definition = regexp.MustCompile(` *(?:\x1b\[[0-9;]*m)?# vocabulary\.go:\d+ -> \S+?(?:\x1b\[[0-9;]*m)?(\n|$)`)

// unwritable keeps the first reason why an output is not whole.
func (s *Suite) unwritable(err error) {
	if s.unwritten == nil {
		s.unwritten = err
	}
}

// shown is what people read of a run, standard output and error. When they read
// no more, it ends as by the signal that would have killed another program.
func (s *Suite) shown(w io.Writer, end func(error)) io.Writer {
	return &sink{Writer: w, failed: func(err error) {
		if errors.Is(err, syscall.EPIPE) {
			end(signals.Interrupted{Signal: syscall.SIGPIPE})
		}
		s.unwritable(err)
	}}
}

// openFormats opens the files of --format, and returns godog's own --format.
// godog would open them itself, and neither write nor close with care: so each
// becomes a formatter that has its output already.
func (s *Suite) openFormats() (format string, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			if err := f.Close(); err != nil {
				s.unwritable(err)
			}
		}
	}
	parts := strings.Split(s.Config.Godog.Format, ",")
	c := s.chronicle
	for i, part := range parts {
		name, path, toFile := strings.Cut(part, ":")
		if !toFile && name == own {
			fd := -1
			if s.terminal {
				fd = int(os.Stdout.Fd())
			}
			c.screens, c.shown = append(c.screens, screen.New(s.Output, fd, !s.NoColors)), true
		}
		if !toFile {
			continue
		}
		if slices.ContainsFunc(files, func(f *os.File) bool { return f.Name() == path }) {
			done()
			return "", nil, fmt.Errorf("godog.format: two formats go to %s", path)
		}
		if err := record.Folder(filepath.Dir(path)); err != nil {
			done()
			return "", nil, err
		}
		// Of a pipe that nobody reads, O_NONBLOCK makes an error.
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o666)
		if err != nil {
			done()
			return "", nil, err
		}
		files = append(files, f)
		if name == own {
			c.screens = append(c.screens, screen.New(&sink{Writer: f, failed: s.unwritable}, -1, false))
			parts[i] = own
			continue
		}
		parts[i] = fmt.Sprintf("%s to %p", name, f) // godog keeps formatters, and f with them, by name
		godog.Format(parts[i], part, func(suite string, _ io.Writer) godog.Formatter {
			return godog.FindFmt(name)(suite, colors.Uncolored(&sink{Writer: f, failed: s.unwritable}))
		})
	}
	parts = append(slices.DeleteFunc(parts, func(part string) bool { return part == own }), fmt.Sprintf("%s %p", own, c))
	godog.Format(parts[len(parts)-1], "the record", func(string, io.Writer) godog.Formatter { return c })
	return strings.Join(parts, ","), done, nil
}

// own is the format that is not godog's.
const own = "lanstorm"
