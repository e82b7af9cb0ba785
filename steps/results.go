package steps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/evidence"
	"github.com/lanstorm/lanstorm/internal/history"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/report"
	"github.com/lanstorm/lanstorm/internal/screen"
)

// beginRecord begins the record of a run that can begin.
func (s *Suite) beginRecord(chosen choice) (err error) {
	head := record.Head{
		Start: time.Now(), Tester: record.ThisTester(s.Version), Labels: map[string]string{}, Command: s.Command,
		Router: record.Router{Name: s.Config.Router.Name, Firmware: s.Config.Router.Firmware, Interface: s.Config.Interface},
	}
	for _, label := range s.Config.Run.Labels {
		key, value, _ := strings.Cut(label, "=")
		head.Labels[key] = value
	}
	for _, set := range s.Config.Settings() {
		head.Config = append(head.Config, record.Setting(set))
	}
	c := s.chronicle
	c.head, c.waiting = head, slices.Clone(chosen.scenarios)
	if c.Recorder, err = record.Begin(s.Config.Results.Dir, s.Config.Results.Keep, head); err != nil {
		return fmt.Errorf("results: %w; choose another folder with --results or results.dir", err)
	}
	s.Dir = c.Dir
	if c.log, err = record.Create(c.Dir, "run.log"); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	s.log = slog.New(slog.NewTextHandler(&sink{Writer: c.log, failed: s.unwritable}, nil))
	if s.prepared != "" {
		s.log.Info("router.before", "output", s.prepared)
	}
	for _, left := range chosen.skipped {
		c.LeaveOut(left)
	}
	if s.Config.Results.Capture != "never" {
		if c.capture, err = evidence.Start(s.parent, head.Tester); err != nil {
			c.message("note", "no packets are kept: %v", err)
			c.capture = nil
		}
	}
	return nil
}

// endRecord ends the record, and makes of it what people read.
func (s *Suite) endRecord(ctx context.Context, code int) error {
	c := s.chronicle
	for _, left := range c.waiting {
		left.Verdict, left.Reason = record.NotRun, "the run ended before"+why(ctx)
		c.LeaveOut(left)
	}
	end := record.End{Time: time.Now(), Seconds: time.Since(c.head.Start).Seconds(), ExitCode: code, Verdict: record.Failed, Reason: s.mishap}
	if cause := context.Cause(ctx); cause != nil {
		end.Reason = cause.Error()
	}
	switch code {
	case ExitPassed:
		end.Verdict = record.Passed
	case ExitInconclusive:
		end.Verdict = record.Inconclusive
	}
	run, err := c.End(end)
	err = errors.Join(err, c.log.Close())
	if run == nil {
		return err
	}
	err = errors.Join(err, report.Write(c.Dir, run))
	if err := history.Append(s.Config.Results.Dir, run, c.Dir); err != nil {
		s.complain(fmt.Errorf("the history of runs does not have this one: %w", err))
	}
	for _, s := range c.screens {
		s.Summary(run, c.Dir)
	}
	if !c.shown {
		for _, line := range screen.Repeated(run) {
			fmt.Fprintln(s.Notes, line)
		}
		fmt.Fprintln(s.Notes, "report:", filepath.Join(c.Dir, "report.html"))
	}
	return err
}
