package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/history"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/steps"
)

func runsCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs [NAME=VALUE...]",
		Short: "List the runs of a folder of results",
		Long: `List the runs that ended, the oldest first: all, or those with this router, firmware,
interface, verdict, run (the name of its folder) or label. Of a key figure that a run
has several times, the worst is shown; --json has those of each scenario.`,
		Example: `  lanstorm runs firmware=8.02 place=lab2 --csv > runs.csv`,
	}
	read := historyFlag(cmd, load)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	asCSV := cmd.Flags().Bool("csv", false, "print a table for spreadsheets, with all key figures")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := read()
		if err != nil {
			return err
		}
		runs, err := history.Select(all, strings.Join(args, ","))
		switch {
		case err != nil:
			return err
		case *asJSON:
			text, err := json.Marshal(runs)
			fmt.Fprintln(cmd.OutOrStdout(), record.Clean(string(text)))
			return err
		case *asCSV:
			return history.PrintCSV(cmd.OutOrStdout(), runs)
		}
		return history.PrintTable(cmd.OutOrStdout(), runs)
	}
	return cmd
}

func compareCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Show what changed from some runs to others",
		Long: `Show which verdicts and key figures changed from the runs A to the runs B: folders, or
names and values as for lanstorm runs, with commas. Figures are medians (ranges).

A figure has changed when the ranges of both sides do not overlap, and the medians
differ by more than 10 % and by more than matters in its unit (0.2 ms, 1 %). That
takes 5 runs a side; with fewer, the values are shown.`,
		Example: `  lanstorm compare results/2026-11-24_140312 results/latest
  lanstorm compare firmware=8.01 firmware=8.02,place=lab2 --html firmware.html`,
		Args: cobra.ExactArgs(2),
	}
	read := historyFlag(cmd, load)
	page := cmd.Flags().String("html", "", "write a page with the key figures over time, too, to this `file`")
	fail := cmd.Flags().Bool("fail-on-regression", false, "exit with 1 if a verdict or a figure is worse")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		all, err := read()
		a, errA := history.Select(all, names[0])
		b, errB := history.Select(all, names[1])
		if err := errors.Join(err, errA, errB); err != nil {
			return err
		}
		c := history.Compare([2]string(names), [2][]history.Entry{a, b})
		err = c.Print(cmd.OutOrStdout())
		if *page != "" && err == nil {
			err = record.WriteStream(filepath.Dir(*page), filepath.Base(*page), c.WriteHTML)
		}
		if err == nil && *fail && c.Count[history.Worse] > 0 {
			return exitCode(steps.ExitFailed)
		}
		return err
	}
	return cmd
}

// historyFlag adds --results, and reads the history there. That lines of it are
// damaged is told, and no reason to give up.
func historyFlag(cmd *cobra.Command, load loader) func() ([]history.Entry, error) {
	dir := cmd.Flags().String("results", "", "folder of the results (default: results.dir of the configuration)")
	return func() ([]history.Entry, error) {
		if *dir == "" {
			c, err := load()
			if err != nil {
				return nil, err
			}
			*dir = c.Results.Dir
		}
		runs, damage, err := history.Read(*dir)
		if damage != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "lanstorm:", damage)
		}
		return runs, err
	}
}
