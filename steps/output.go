package steps

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cucumber/godog"
	"github.com/cucumber/godog/colors"
)

// sink is an output of a run. godog takes no notice of a write that failed;
// the run does.
type sink struct {
	io.Writer
	failed func(error)
}

func (o sink) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		o.failed(err)
	}
	return n, err
}

// unwritable keeps the first reason why an output is not whole.
func (s *Suite) unwritable(err error) {
	if s.unwritten == nil {
		s.unwritten = err
	}
}

// shown is what people read of a run, standard output and error. When they read
// no more, it ends as by the signal that would have killed another program.
func (s *Suite) shown(w io.Writer, end func(error)) io.Writer {
	return sink{w, func(err error) {
		if errors.Is(err, syscall.EPIPE) {
			end(interrupted{syscall.SIGPIPE})
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
	for i, part := range parts {
		name, path, toFile := strings.Cut(part, ":")
		if !toFile {
			continue
		}
		// Of a pipe that nobody reads, O_NONBLOCK makes an error.
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o666)
		if err != nil {
			done()
			return "", nil, err
		}
		files = append(files, f)
		parts[i] = fmt.Sprintf("%s to %p", name, f) // godog keeps formatters, and f with them, by name
		godog.Format(parts[i], part, func(suite string, _ io.Writer) godog.Formatter {
			return godog.FindFmt(name)(suite, colors.Uncolored(sink{f, s.unwritable}))
		})
	}
	return strings.Join(parts, ","), done, nil
}
