package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/sweep"
)

func cleanCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what is left of runs that were killed",
		Long: `Remove what is left of runs that were killed, as their journals in
/run/lanstorm tell it: leases are given back where the router still answers,
clients, labs and folders are removed, limits of the kernel put back. After a loss
of power the journals are gone, and what is left in /etc/netns is removed. Runs that
are alive are not touched, nor is anything that was not lanstorm's.

Every run does this by itself when it starts. Needs root.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return errors.New("not root: run this with sudo")
			}
			results, err := sweep.Dead(cmd.Context(), dry)
			verb := "removed what was left of"
			if dry {
				verb = "would remove what is left of"
			}
			out := cmd.OutOrStdout()
			for _, r := range results {
				fmt.Fprintln(out, verb, r)
			}
			if err == nil && results == nil {
				fmt.Fprintln(out, "nothing to clean")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, and remove nothing")
	return cmd
}
