package main

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/steps"
)

// elsewhere reports whether a path is not one of the features inside this program,
// or hidden by a file that is called so.
func elsewhere(path string) bool {
	path, _, _ = strings.Cut(path, ":")
	_, inside := fs.Stat(features.FS, path)
	_, outside := os.Stat(path)
	return inside != nil || outside == nil
}

func runCommand(load loader) *cobra.Command {
	var stopOnFailure, noColors bool
	cmd := &cobra.Command{
		Use:   "run [paths...]",
		Short: "Run features against the router",
		Long: `Run features against the router that the configuration names, by default the
built-in lab. Needs root.

A path is a .feature file, a folder of them, or file:line of one scenario.
Without a path the features inside this program are run. They have paths, too, as
results tell them: clients/create.feature:11, if no file here is called so.

Exit code: 0 all scenarios passed; 1 a scenario failed, or the results could
not be written whole; 2 the run could not start or was asked for something
impossible; 3 inconclusive: scenarios failed, but only such that this machine
itself may have made fail; 128 and the signal's number: interrupted.`,
		Example: `  sudo lanstorm run
  sudo lanstorm run --interface eth0 --tags "@smoke && ~@internet"
  sudo lanstorm run --format pretty,junit:results.xml my-features/`,
	}
	flags := cmd.Flags()
	var labels []string
	flags.StringP("interface", "i", "", "Ethernet interface towards the router, or lab")
	flags.StringP("tags", "t", "", `which scenarios: "@a && ~@b,@c" is a, and either c or not b`)
	flags.StringP("format", "f", "", "lanstorm, pretty, progress, cucumber, events or junit, each with :file if wanted; several with commas")
	flags.String("results", "", "folder in which the run makes one of its own (default results)")
	flags.StringArrayVar(&labels, "label", nil, "`key=value` that the results are to say of the run, such as room=lab2; may be given again")
	flags.BoolVar(&stopOnFailure, "stop-on-failure", false, "end at the first scenario that fails")
	flags.BoolVar(&noColors, "no-colors", false, "print without colours (default when the output is no terminal)")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.SetFlags(flags, map[string]string{"interface": "interface", "tags": "godog.tags", "format": "godog.format", "results": "results.dir"}); err != nil {
			return err
		}
		s := steps.Suite{
			Config:        c,
			Paths:         paths,
			StopOnFailure: stopOnFailure,
			Version:       version,
			Command:       os.Args,
			Labels:        map[string]string{},
			NoColors:      noColors || !steps.IsTerminal(os.Stdout),
		}
		for _, label := range labels {
			key, value, ok := strings.Cut(label, "=")
			if !ok || key == "" {
				return fmt.Errorf("--label: %q is not key=value", label)
			}
			s.Labels[key] = value
		}
		if len(paths) == 0 {
			s.Paths = []string{"."}
		}
		if !slices.ContainsFunc(paths, elsewhere) {
			s.FS = features.FS
		}
		if code := s.Run(cmd.Context()); code != steps.ExitPassed {
			return exitCode(code)
		}
		return nil
	}
	return cmd
}
