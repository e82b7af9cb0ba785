package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/steps"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what clients cost on this machine, in the lab",
		Long: `Measure what clients cost on this machine: how long it takes to make them, to
give them leases, to configure and to remove them, all at once, and the memory,
open files and threads that they hold while they stand idle. Needs root.

It builds a lab of its own for each number of clients, has every client ping the
router and the Internet within a second, and prints a row with the medians of
several rounds. It never uses a real interface. Whatever else runs on this
machine meanwhile is measured too.

--document measures all that docs/benchmarks.md tells, other programs included,
and takes some minutes.

Exit code: 0 measured, 1 something failed (clients without a lease or a reply,
something left behind), 2 it could not start.`,
		Example: `  sudo lanstorm bench
  sudo lanstorm bench --clients 1000,4000 --server kea --json
  sudo lanstorm bench --document docs/benchmarks.md`,
		Args: cobra.NoArgs,
	}
	var opts bench.Options
	var server, document string
	var asJSON bool
	flags := cmd.Flags()
	flags.IntSliceVarP(&opts.Sizes, "clients", "n", []int{50, 200, 1000, 4000}, "how many clients, a row for each number")
	flags.StringVar(&server, "server", "lab", "whom they get their leases from: lab, dnsmasq or kea")
	flags.StringVar(&opts.Mode, "mode", "bridge", "macvlan mode: bridge or private")
	flags.IntVar(&opts.Repeat, "repeat", 3, "rounds for each number of clients")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	flags.StringVar(&document, "document", "", "measure all, and write a Markdown `file` and a plot beside it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if document != "" {
			for _, other := range []string{"clients", "server", "mode", "json"} {
				if flags.Changed(other) {
					return fmt.Errorf("--document measures everything: leave out --%s", other)
				}
			}
			if !strings.HasSuffix(document, ".md") {
				return fmt.Errorf("--document: %q does not end in .md", document)
			}
		}
		if opts.Server, err = benchServer(server); err != nil {
			return err
		}
		if err := checkBench(opts); err != nil {
			return err
		}
		ctx, patience, stop := signalled(cmd.Context())
		defer stop()
		opts.Patience, opts.Progress = patience, cmd.ErrOrStderr()
		if document != "" {
			return ended(ctx, documented(ctx, opts, document))
		}
		report, err := bench.Run(ctx, opts)
		if len(report.Rows) > 0 {
			print := report.Print
			if asJSON {
				print = report.PrintJSON
			}
			if err := print(cmd.OutOrStdout()); err != nil {
				return err
			}
		}
		if err == nil && report.Failed() {
			return exitCode(steps.ExitFailed)
		}
		return ended(ctx, err)
	}
	return cmd
}

func benchServer(name string) (lab.Server, error) {
	servers := map[string]lab.Server{"lab": lab.Builtin, "dnsmasq": lab.Dnsmasq, "kea": lab.Kea}
	s, ok := servers[name]
	if !ok {
		return "", fmt.Errorf("--server: %q is not one of lab, dnsmasq, kea", name)
	}
	return s, nil
}

func checkBench(opts bench.Options) error {
	for _, n := range opts.Sizes {
		if n < 1 || n > mostClients {
			return fmt.Errorf("--clients: %d is out of range (1 to %d)", n, mostClients)
		}
	}
	if len(opts.Sizes) == 0 {
		return errors.New("--clients: name at least one number")
	}
	if !slices.Contains([]string{"bridge", "private"}, opts.Mode) {
		return fmt.Errorf("--mode: %q is not one of bridge, private", opts.Mode)
	}
	if opts.Repeat < 1 || opts.Repeat > 100 {
		return fmt.Errorf("--repeat: %d is out of range (1 to 100)", opts.Repeat)
	}
	return nil
}

// documented measures all, and writes it down even when something failed.
func documented(ctx context.Context, opts bench.Options, path string) error {
	s, err := bench.RunSuite(ctx, opts, buildVersion())
	if err != nil {
		return err
	}
	if err := s.WriteDocument(path); err != nil {
		return err
	}
	fmt.Fprintf(opts.Progress, "%s: %d of %d targets reached\n", path, s.Reached(), len(s.Targets()))
	if s.Failed() {
		return exitCode(steps.ExitFailed)
	}
	return nil
}

// ended makes an error an exit code, its story told.
func ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var start *bench.StartError
	if errors.As(err, &start) {
		return err
	}
	var code exitCode
	if errors.As(err, &code) {
		return code
	}
	fmt.Fprintln(os.Stderr, "lanstorm:", strings.ReplaceAll(err.Error(), "\n", "; "))
	var s signalError
	if errors.As(context.Cause(ctx), &s) {
		return exitCode(128 + int(s.Signal))
	}
	return exitCode(steps.ExitFailed)
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ syscall.Signal }

func (s signalError) Error() string { return "interrupted by signal: " + s.Signal.String() }

// signalled returns a context that the first signal ends, and one that the
// second does: the patience with which a router is waited for.
func signalled(parent context.Context) (run, patience context.Context, stop func()) {
	run, endRun := context.WithCancelCause(parent)
	patience, endPatience := context.WithCancel(context.WithoutCancel(parent))
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	steps.SurviveClosedPipes()
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-ch:
				if run.Err() != nil {
					endPatience()
				}
				endRun(signalError{s.(syscall.Signal)})
			}
		}
	}()
	return run, patience, func() {
		signal.Stop(ch)
		close(done)
		endPatience()
		endRun(nil)
	}
}
