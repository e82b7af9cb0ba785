package steps

import (
	"context"
	"fmt"
	"os"

	"github.com/cucumber/godog"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/signals"
)

// GodogMain is a run with the arguments of `godog run`: godog's own flags and
// paths. It returns the exit code.
func GodogMain(args []string) int {
	var opts godog.Options
	godog.BindCommandLineFlags("", &opts)
	flags := pflag.CommandLine
	if err := flags.Parse(args); err != nil {
		return complain(err)
	}
	c, err := config.Load("")
	if err != nil {
		return complain(err)
	}
	if err := c.SetFlags(flags, map[string]string{"tags": "godog.tags", "format": "godog.format", "stop-on-failure": "run.stop_on_failure"}); err != nil {
		return complain(err)
	}
	if opts.Concurrency > 1 {
		return complain(fmt.Errorf("--concurrency %d: scenarios share one router, so they run one at a time", opts.Concurrency))
	}
	// Whoever ends `godog run` ends only that, and leaves us behind.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(signals.Orphaned), 0, 0, 0); err != nil {
		return complain(err)
	}
	s := Suite{
		Config:    c,
		Paths:     flags.Args(),
		NoColors:  opts.NoColors || c.Run.NoColors || !IsTerminal(os.Stdout),
		Randomize: opts.Randomize,
		Command:   append([]string{"godog", "run"}, args...),
	}
	return s.Run(context.Background())
}

// Define gives godog the vocabulary without a run behind it, to be listed.
func Define(sc *godog.ScenarioContext) { define(sc, &world{}) }

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "lanstorm:", err)
	return ExitNotRunnable
}
