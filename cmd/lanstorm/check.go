package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/steps"
)

func checkCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [paths...]",
		Short: "Look for mistakes in features, without running them",
		Long: `Look for mistakes in features, all at once: sentences that are not known or lack
something, tables that do not fit, what is no Gherkin, scenarios that never run.
Each line is file:line:column, what is wrong, and what to do. A note is no
mistake: it is a scenario that is skipped with these settings, and why.

Needs neither root nor a router. A path is a .feature file or a folder of them;
without one, all below this folder are read.

Exit code: 0 no mistake, 1 mistakes, 2 something could not be read.`,
		Example: `  lanstorm check my-features/
  lanstorm check --github    # in a GitHub workflow: marks the lines`,
	}
	flags := cmd.Flags()
	flags.StringP("interface", "i", "", "Ethernet interface towards the router, or lab")
	asJSON := flags.Bool("json", false, "print a JSON array of file, line, column, finding, remedy and note")
	asGitHub := flags.Bool("github", false, "print annotations for GitHub Actions")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.SetFlags(flags, map[string]string{"interface": "interface"}); err != nil {
			return err
		}
		s := steps.Suite{Config: c, Paths: paths}
		checked, err := s.Check()
		if err != nil {
			return err
		}
		out, mistakes, notes := cmd.OutOrStdout(), 0, 0
		for _, m := range checked.Mistakes {
			if m.Note {
				notes++
			} else {
				mistakes++
			}
			switch {
			case *asGitHub:
				fmt.Fprintln(out, annotation(m))
			case !*asJSON:
				fmt.Fprintln(out, m)
			}
		}
		if *asJSON {
			err = json.NewEncoder(out).Encode(append([]steps.Mistake{}, checked.Mistakes...))
		} else {
			_, err = fmt.Fprintf(out, "%s, %s: %s; %s skipped here\n", measure.Times(checked.Files, "file"), measure.Times(checked.Scenarios, "scenario"), measure.Times(mistakes, "mistake"), measure.Times(notes, "scenario"))
		}
		if err == nil && mistakes > 0 {
			return exitCode(steps.ExitFailed)
		}
		return err
	}
	return cmd
}

// annotation is a workflow command of GitHub Actions, as its toolkit escapes it.
func annotation(m steps.Mistake) string {
	kind := "error"
	if m.Note {
		kind = "notice"
	}
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	file := strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data.Replace(m.File))
	return fmt.Sprintf("::%s file=%s,line=%d,col=%d::%s", kind, file, m.Line, m.Column, data.Replace(m.Text()))
}
