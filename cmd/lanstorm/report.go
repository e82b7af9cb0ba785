package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/report"
	"github.com/lanstorm/lanstorm/internal/screen"
)

func reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report <folder>",
		Short: "Make the report of a run anew, also of one that was killed",
		Long: `Make run.json, report.html and junit.xml of the events in a run's folder, and
print how the run ended. A run that was killed has its events up to that moment.`,
		Example: `  lanstorm report results/latest`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.EvalSymlinks(args[0])
			if err != nil {
				return err
			}
			run, err := record.Read(dir)
			if err != nil {
				return err
			}
			if err := run.Write(dir); err != nil {
				return err
			}
			if err := report.Write(dir, run); err != nil {
				return err
			}
			screen.New(cmd.OutOrStdout(), -1, false).Summary(run, dir)
			return nil
		},
	}
}
