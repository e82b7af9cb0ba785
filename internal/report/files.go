package report

import (
	"errors"
	"io"
	"os"

	"github.com/lanstorm/lanstorm/internal/record"
)

// Write writes all that people and CI servers read into the folder of a run, and
// adds the summary to the file that GITHUB_STEP_SUMMARY names, if it names one.
func Write(dir string, run *record.Run) error {
	file := func(name string, make func(io.Writer, *record.Run) error) error {
		return record.WriteStream(dir, name, func(w io.Writer) error { return make(w, run) })
	}
	return errors.Join(file("report.html", HTML), file("junit.xml", JUnit), toGitHub(run))
}

func toGitHub(run *record.Run) error {
	path := os.Getenv("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(Markdown(f, run), f.Close())
}
