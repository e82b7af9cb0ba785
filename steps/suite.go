package steps

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/cucumber/godog"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/journal"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/run"
	"github.com/lanstorm/lanstorm/internal/signals"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Exit codes of a run.
const (
	ExitPassed      = 0
	ExitFailed      = 1 // a scenario failed, something was left behind, or the results are not whole
	ExitNotRunnable = 2 // the run could not start, or was asked for the impossible

	// ExitInconclusive: scenarios failed, but only such that the tester itself may
	// have made fail.
	ExitInconclusive = 3
)

// Suite is one run of features against one router. Every way to run features ends
// here.
type Suite struct {
	Config    config.Config
	Paths     []string  // of features; default: features or, when run.failed, the files of those that failed
	FS        fs.FS     // where Paths are; default: the file system
	Output    io.Writer // for the formatter; default: standard output
	Notes     io.Writer // for all else that people should know; default: standard error
	NoColors  bool
	Randomize int64    // godog's --random
	Version   string   // of lanstorm; default: what the Go toolchain recorded
	Command   []string // as it was typed, for the record

	Dir string // of the results, once Run has begun

	chronicle *chronicle
	log       *slog.Logger // into run.log

	terminal bool     // the output is one
	lab      *lab.Lab // nil on a real interface
	parent   string
	roots    *x509.CertPool // of a lab, which may be another process's; nil: this is none
	journal  *journal.Run
	patience context.Context // ends when the router is not to be waited for

	extra func(*godog.ScenarioContext, *world) // defines more, in tests

	keyboard *os.File // for --keep; else nil
	prepared string   // what router.before printed

	failed       bool
	excused      int    // scenarios that failed as known
	mishap       string // why it failed, besides scenarios
	begun        int    // scenarios
	inconclusive int    // likewise
	unreleased   int    // leases
	refused      error  // the first request that made no sense here
	unwritten    error  // the first output that is not whole
}

// Run runs the features and returns the exit code. It returns when everything
// that the run made is gone again. The end of ctx, or SIGINT, SIGTERM, SIGHUP
// or SIGQUIT, fails the scenario under way and those not begun; the exit code
// then is 128 and the number of the signal. So does the end of whoever reads
// the output, as if by SIGPIPE. A second signal gives up waiting for the router
// to take the leases back.
func (s *Suite) Run(ctx context.Context) (code int) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	signals.SurviveClosedPipes()
	ctx, patience, stop := signals.Watch(ctx)
	defer stop()
	s.patience = patience
	s.terminal = s.Output == nil && IsTerminal(os.Stdout)
	s.Output = s.shown(cmp.Or[io.Writer](s.Output, os.Stdout), end)
	s.Notes = s.shown(cmp.Or[io.Writer](s.Notes, os.Stderr), end)
	if len(s.Paths) == 0 && !s.Config.Run.Failed {
		s.Paths = []string{"features"}
	}
	if os.Geteuid() != 0 {
		return s.refuse(errors.New("not root: network namespaces need it, so run this with sudo"))
	}
	chosen, err := s.choose()
	for _, wrong := range chosen.wrong {
		s.complain(errors.New(wrong))
	}
	if err != nil {
		return s.refuse(err)
	}
	for _, note := range chosen.notes {
		fmt.Fprintln(s.Notes, note)
	}
	if err := s.openTerminal(); err != nil {
		return s.refuse(err)
	}
	s.chronicle = &chronicle{suite: s}
	format, closeFormats, err := s.openFormats()
	if err != nil {
		return s.refuse(err)
	}
	before := openSockets()
	if err := s.begin(ctx, before, chosen); err != nil {
		closeFormats()
		return s.exitCode(ctx, s.refuse(err))
	}
	code = s.runFeatures(ctx, format, chosen.features)
	if err := s.end(before); err != nil {
		s.complain(err)
		s.failed, s.mishap = true, cmp.Or(s.mishap, oneLine(err))
	}
	if left := len(chosen.scenarios) - s.begun; left > 0 && !s.chronicle.shown {
		fmt.Fprintf(s.Notes, "not run: %d of %s%s\n", left, measure.Times(len(chosen.scenarios), "scenario"), why(ctx))
	}
	if s.unreleased > 0 {
		fmt.Fprintf(s.Notes, "not given back: %s; the router keeps what it has until it ends\n", measure.Times(s.unreleased, "lease"))
	}
	if s.inconclusive > 0 {
		fmt.Fprintf(s.Notes, "inconclusive: %s may have failed because of this machine, not of the router: mend what the errors say of the tester, and run again\n", measure.Times(s.inconclusive, "scenario"))
	}
	if err := s.endRecord(ctx, s.exitCode(ctx, code)); err != nil {
		s.unwritable(err)
	}
	closeFormats()
	if _, ended := signals.Interruption(ctx); s.unwritten != nil && !ended {
		s.complain(fmt.Errorf("the results are not whole: %w", s.unwritten))
		s.failed = true
	}
	return s.exitCode(ctx, code)
}

// exitCode is that of the run, of which godog says code.
func (s *Suite) exitCode(ctx context.Context, code int) int {
	i, ended := signals.Interruption(ctx)
	switch {
	case ended:
		return i.ExitCode()
	case s.refused != nil:
		return ExitNotRunnable
	case s.failed:
		return max(code, ExitFailed) // the formatter "events" would have it pass
	case s.inconclusive > 0:
		return ExitInconclusive
	case s.excused > 0 && code == ExitFailed: // which godog takes for failures
		return ExitPassed
	}
	return code
}

func (s *Suite) runFeatures(ctx context.Context, format string, features []godog.Feature) (code int) {
	defer func() { // godog recovers from panics in steps, not from those in hooks
		if p := recover(); p != nil {
			fmt.Fprintf(s.Notes, "lanstorm: panic: %v\n%s", p, debug.Stack())
			code, s.failed, s.mishap = ExitFailed, true, fmt.Sprintf("panic: %v", p)
		}
	}()
	return godog.TestSuite{
		Name:                "lanstorm",
		ScenarioInitializer: func(sc *godog.ScenarioContext) { begin(sc, s) },
		Options: &godog.Options{
			Strict:          true,
			Format:          format,
			FeatureContents: features,
			Output:          s.Output,
			NoColors:        s.NoColors,
			StopOnFailure:   s.Config.Run.StopOnFailure,
			Randomize:       s.Randomize,
			DefaultContext:  ctx,
		},
	}.Run()
}

// begin looks whether this machine can do it, cleans up after runs that died,
// opens the journal and gets hold of a router.
func (s *Suite) begin(ctx context.Context, before map[string]bool, chosen choice) (err error) {
	if s.journal, err = run.Begin(s.patience, "run", s.Config.Interface, s.Notes); err != nil {
		return err
	}
	if err := s.before(ctx); err != nil {
		return errors.Join(err, run.End(s.patience, s.journal, false))
	}
	err = s.reachRouter()
	if err == nil {
		err = s.beginRecord(chosen)
	}
	if err != nil {
		return errors.Join(err, s.end(before))
	}
	return nil
}

// end gives the router up, and looks for what should be gone. What is left in
// spite of everything is removed as if the run had been killed.
func (s *Suite) end(before map[string]bool) error {
	var err error
	if c := s.chronicle; c.capture != nil {
		err = c.capture.Close()
	}
	err = errors.Join(err, s.leaveRouter())
	if left := leaks(s.journal, s.parent, s.inLab(), before); left != nil {
		err = errors.Join(err, fmt.Errorf("left behind: %s", strings.Join(left, ", ")))
	}
	err = errors.Join(err, run.End(s.patience, s.journal, err != nil))
	output, failed := s.command(s.patience, "router.after")
	if s.log != nil && output != "" {
		s.log.Info("router.after", "output", output)
	}
	return errors.Join(err, failed)
}

// why tells of an interruption, if there was one.
func why(ctx context.Context) string {
	if cause := context.Cause(ctx); cause != nil {
		return ": " + cause.Error()
	}
	return ""
}

// note keeps what a scenario's end, and that of its clean-up, mean for the exit
// code.
func (s *Suite) note(finding, cleanup error) {
	var f *failure
	var refused *netmgr.RefusedError
	isRefused := errors.As(errors.Join(finding, cleanup), &refused)
	_, known := s.known(s.chronicle.scenario)
	ofItself := finding != nil && verdictOf(finding) != record.NotRun && !errors.As(finding, &signals.Interrupted{})
	s.chronicle.excused = known && ofItself && cleanup == nil && !isRefused
	switch {
	case s.chronicle.excused:
		s.excused++
	case errors.As(finding, &f) && f.inconclusive:
		s.inconclusive++
	case finding != nil:
		s.failed = true
	}
	s.failed = s.failed || cleanup != nil
	if isRefused && s.refused == nil {
		s.refused = refused
	}
}

func (s *Suite) refuse(err error) int {
	s.complain(err)
	return ExitNotRunnable
}

// complain tells an error in one line, joined ones included.
func (s *Suite) complain(err error) {
	if s.log != nil {
		s.log.Error(err.Error())
	}
	fmt.Fprintln(s.Notes, "lanstorm:", strings.ReplaceAll(err.Error(), "\n", "; "))
}

// inLab reports whether the router is the built-in one.
func (s *Suite) inLab() bool { return s.Config.Interface == "lab" }

// reachRouter builds the lab, or looks whether the real router's interface
// will do.
func (s *Suite) reachRouter() (err error) {
	s.parent = s.Config.Interface
	if s.inLab() {
		if up := lab.Standing(); up != "" {
			fmt.Fprintf(s.Notes, "warning: the lab at %s stays unused, for this run builds one of its own (--interface %[1]s uses it)\n", up)
		}
		opts := s.Config.Lab
		opts.Journal = s.journal
		if s.lab, err = lab.Start(opts); err != nil {
			return err
		}
		s.parent = s.lab.Parent
	}
	if err := s.journal.Claim(s.parent); err != nil {
		return err
	}
	if ca, err := lab.CAOf(s.parent); err != nil {
		return err
	} else if ca != nil {
		s.roots = x509.NewCertPool()
		s.roots.AddCert(ca)
	}
	_, err = netmgr.New(s.managerOptions())
	return err
}

func (s *Suite) leaveRouter() error {
	if s.lab == nil {
		return nil
	}
	defer func() { s.lab = nil }()
	return s.lab.Close()
}

func (s *Suite) managerOptions() netmgr.Options {
	c := s.Config
	return netmgr.Options{
		Parent:      s.parent,
		Prefix:      c.Clients.Prefix,
		Mode:        s.macvlanMode(),
		InFlight:    c.DHCP.InFlight,
		DHCPTimeout: c.DHCP.Timeout,

		TrustAddresses: !c.DHCP.ConflictDetection,

		VendorClass: c.DHCP.VendorClass,
		IPFamily:    netmgr.Families(c.IPFamily),
		DNS:         c.DNS,
		Journal:     s.journal,
		Patience:    s.patience,
		Leases:      s.chronicle.lease,
	}
}

// IsTerminal reports whether f shows colours.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && os.Getenv("NO_COLOR") == ""
}
