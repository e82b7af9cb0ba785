package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/steps"
)

// around is the files of this machine and, where there is none, the features inside
// this program, by the paths that results tell.
type around struct{}

func (around) Open(name string) (fs.File, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if inside, err := features.FS.Open(name); err == nil {
			return inside, nil
		}
	}
	return file, err
}

func runCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [paths...]",
		Short: "Run features against the router",
		Long: `Run features against the router that the configuration names, by default the
built-in lab. Needs root.

A path is a .feature file, a folder of them, or file:line of any line in a scenario;
the line of a row of Examples is that row alone. Without a path the features inside
this program are run. They have paths, too, as results tell them:
clients/create.feature:11, if no file here is called so.

Every option has a key in godog.yml, and so an environment variable: --name is
run.name and LANSTORM_RUN_NAME.

Exit code: 0 all scenarios passed; 1 a scenario failed, or the results could
not be written whole; 2 the run could not start or was asked for something
impossible; 3 inconclusive: scenarios failed, but only such that this machine
itself may have made fail; 128 and the signal's number: interrupted.`,
		Example: `  sudo lanstorm run
  sudo lanstorm run --interface eth0 --tags "@smoke and not @internet"
  sudo lanstorm run --interface eth0 --failed --repeat 20
  sudo lanstorm run --format pretty,junit:results.xml my-features/`,
	}
	flags := cmd.Flags()
	var labels []string
	flags.StringP("interface", "i", "", "Ethernet interface towards the router, or lab")
	flags.StringP("tags", "t", "", `which scenarios: "@a and not (@b or @c)"`)
	flags.StringP("name", "n", "", "which scenarios: those whose name this `regular expression` finds")
	flags.Bool("failed", false, "which scenarios: those that failed, or were inconclusive, in the newest run of the results")
	flags.Int("repeat", 1, "run them so many times, and tell how often each failed")
	flags.Bool("keep", false, "the clients of a failed scenario stay, until you press Enter")
	flags.Bool("stop-on-failure", false, "end at the first scenario that fails")
	flags.Bool("force", false, "run scenarios with @hardware in the lab, too")
	flags.StringP("format", "f", "", "lanstorm, pretty, progress, cucumber, events or junit, each with :file if wanted; several with commas")
	flags.String("results", "", "folder in which the run makes one of its own (default results)")
	flags.StringArrayVar(&labels, "label", nil, "`key=value` that the results are to say of the run, such as room=lab2; may be given again")
	flags.Bool("no-colors", false, "print without colours (default when the output is no terminal)")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.SetFlags(flags, map[string]string{
			"interface": "interface", "tags": "godog.tags", "format": "godog.format", "results": "results.dir",
			"name": "run.name", "failed": "run.failed", "repeat": "run.repeat", "keep": "run.keep",
			"stop-on-failure": "run.stop_on_failure", "force": "run.force", "no-colors": "run.no_colors",
		}); err != nil {
			return err
		}
		for _, label := range labels { // which may have commas
			if strings.IndexByte(label, '=') < 1 {
				return fmt.Errorf("--label: %q is not key=value", label)
			}
			c.Run.Labels = append(c.Run.Labels, label)
		}
		s := steps.Suite{
			Config:   c,
			Paths:    paths,
			FS:       around{},
			Version:  version,
			Command:  os.Args,
			NoColors: c.Run.NoColors || !steps.IsTerminal(os.Stdout),
		}
		if len(paths) == 0 && !c.Run.Failed {
			s.Paths, s.FS = []string{"."}, features.FS
		}
		if code := s.Run(cmd.Context()); code != steps.ExitPassed {
			return exitCode(code)
		}
		return nil
	}
	return cmd
}
