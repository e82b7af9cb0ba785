package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/record"
)

// version is set by the Makefile to what `git describe` says.
var version = ""

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which lanstorm this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "lanstorm %s (%s, %s/%s)\n",
				record.Build(version), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
