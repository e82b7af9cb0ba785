package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/cucumber/godog"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Exit codes of a run.
const (
	ExitPassed      = 0
	ExitFailed      = 1 // a scenario failed, or something was left behind
	ExitNotRunnable = 2 // the run could not start, or was asked for the impossible
)

// Suite is one run of features against one router. Every way to run lanstorm
// ends here.
type Suite struct {
	Config        config.Config
	Paths         []string  // of features; default: features
	FS            fs.FS     // where Paths are; default: the file system
	Output        io.Writer // for the formatter; default: standard output
	Notes         io.Writer // for all else that people should know; default: standard error
	StopOnFailure bool
	NoColors      bool
	Randomize     int64      // godog's --random
	T             *testing.T // runs scenarios as subtests; nil outside `go test`

	lab    *lab.Lab // nil on a real interface
	parent string

	failed  bool
	refused error // the first request that made no sense here
}

// Run runs the features and returns the exit code. It returns when everything
// that the run made is gone again. When ctx ends, the scenario under way fails
// and the rest are not begun.
func (s *Suite) Run(ctx context.Context) (code int) {
	s.Output = cmp.Or[io.Writer](s.Output, os.Stdout)
	s.Notes = cmp.Or[io.Writer](s.Notes, os.Stderr)
	if len(s.Paths) == 0 {
		s.Paths = []string{"features"}
	}
	chosen, err := s.choose()
	if err != nil {
		return s.refuse(err)
	}
	for _, note := range chosen.notes {
		fmt.Fprintln(s.Notes, note)
	}
	if err := s.reachRouter(); err != nil {
		return s.refuse(err)
	}
	defer func() {
		if err := s.leaveRouter(); err != nil {
			fmt.Fprintln(s.Notes, "lanstorm:", err)
			code = max(code, ExitFailed)
		}
	}()

	code = godog.TestSuite{
		Name:                "lanstorm",
		ScenarioInitializer: func(sc *godog.ScenarioContext) { begin(sc, s) },
		Options: &godog.Options{
			Strict:         true,
			Tags:           chosen.tags,
			Format:         s.Config.Godog.Format,
			Paths:          s.Paths,
			FS:             s.FS,
			Output:         s.Output,
			NoColors:       s.NoColors,
			StopOnFailure:  s.StopOnFailure,
			Randomize:      s.Randomize,
			DefaultContext: ctx,
			TestingT:       s.T,
		},
	}.Run()
	switch {
	case s.refused != nil:
		return ExitNotRunnable
	case s.failed:
		return max(code, ExitFailed) // the formatter "events" would have it pass
	}
	return code
}

// note keeps what a scenario's end means for the exit code.
func (s *Suite) note(err error) {
	s.failed = s.failed || err != nil
	var refused *netmgr.RefusedError
	if errors.As(err, &refused) && s.refused == nil {
		s.refused = refused
	}
}

func (s *Suite) refuse(err error) int {
	fmt.Fprintln(s.Notes, "lanstorm:", err)
	return ExitNotRunnable
}

// inLab reports whether the router is the built-in one.
func (s *Suite) inLab() bool { return s.Config.Interface == "lab" }

// reachRouter builds the lab, or looks whether the real router's interface
// will do.
func (s *Suite) reachRouter() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("not root: network namespaces need it, so run this with sudo")
	}
	s.parent = s.Config.Interface
	if s.inLab() {
		if s.lab, err = startLab(s.Config.Lab); err != nil {
			return err
		}
		s.parent = s.lab.Parent
	}
	if _, err := netmgr.New(s.managerOptions()); err != nil {
		return errors.Join(err, s.leaveRouter())
	}
	return nil
}

func (s *Suite) leaveRouter() error {
	if s.lab == nil {
		return nil
	}
	defer func() { s.lab = nil }()
	return s.lab.Close()
}

func startLab(c config.Lab) (*lab.Lab, error) {
	return lab.Start(LabOptions(c))
}

// LabOptions is the lab that the configuration describes.
func LabOptions(c config.Lab) lab.Options {
	opts := lab.Options{Subnet: c.Subnet, Pool: c.Pool, LeaseTime: c.LeaseTime, Server: lab.Server(c.Server)}
	for _, f := range c.Faults {
		opts.Faults = append(opts.Faults, lab.Fault(f))
	}
	return opts
}

func (s *Suite) managerOptions() netmgr.Options {
	c := s.Config
	return netmgr.Options{
		Parent:      s.parent,
		Prefix:      c.Clients.Prefix,
		Mode:        c.Clients.MacvlanMode,
		Concurrency: c.Clients.Concurrency,
		DHCPTimeout: c.DHCP.Timeout,
		VendorClass: c.DHCP.VendorClass,
		DNS:         c.DNS,
	}
}

// IsTerminal reports whether f shows colours.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && os.Getenv("NO_COLOR") == ""
}
