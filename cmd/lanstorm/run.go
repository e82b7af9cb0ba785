package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/steps"
)

func runCommand(load loader) *cobra.Command {
	var stopOnFailure, noColors bool
	cmd := &cobra.Command{
		Use:   "run [paths...]",
		Short: "Run features against the router",
		Long: `Run features against the router that the configuration names, by default the
built-in lab. Needs root.

A path is a .feature file, a folder of them, or file:line of one scenario.
Without a path the features inside this program are run.

Exit code: 0 all scenarios passed; 1 a scenario failed, or the results could
not be written whole; 2 the run could not start or was asked for something
impossible; 3 inconclusive: scenarios failed, but only such that this machine
itself may have made fail; 128 and the signal's number: interrupted.`,
		Example: `  sudo lanstorm run
  sudo lanstorm run --interface eth0 --tags "@smoke && ~@internet"
  sudo lanstorm run --format pretty,junit:results.xml my-features/`,
	}
	flags := cmd.Flags()
	flags.StringP("interface", "i", "", "Ethernet interface towards the router, or lab")
	flags.StringP("tags", "t", "", `which scenarios: "@a && ~@b,@c" is a, and either c or not b`)
	flags.StringP("format", "f", "", "pretty, progress, cucumber, events or junit, each with :file if wanted; several with commas")
	flags.BoolVar(&stopOnFailure, "stop-on-failure", false, "end at the first scenario that fails")
	flags.BoolVar(&noColors, "no-colors", false, "print without colours (default when the output is no terminal)")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.SetFlags(flags, map[string]string{"interface": "interface", "tags": "godog.tags", "format": "godog.format"}); err != nil {
			return err
		}
		s := steps.Suite{
			Config:        c,
			Paths:         paths,
			StopOnFailure: stopOnFailure,
			NoColors:      noColors || !steps.IsTerminal(os.Stdout),
		}
		if len(paths) == 0 {
			s.Paths, s.FS = []string{"."}, features.FS
		}
		if code := s.Run(cmd.Context()); code != steps.ExitPassed {
			return exitCode(code)
		}
		return nil
	}
	return cmd
}
