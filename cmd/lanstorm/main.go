// Lanstorm makes virtual clients on a LAN and runs Gherkin features that say
// what the LAN's router must do for them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/steps"
)

func main() { os.Exit(run()) }

// exitCode is an error whose story has been told already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// run returns the process's exit code: 0 passed, 1 a scenario failed, 2 the
// run could not start.
func run() int {
	err := command().ExecuteContext(context.Background())
	var code exitCode
	switch {
	case err == nil:
		return steps.ExitPassed
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(os.Stderr, "lanstorm:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return steps.ExitNotRunnable
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "lanstorm",
		Short: "Virtual clients for testing routers",
		Long: `lanstorm turns this machine into a LAN full of clients, each with its own MAC
address, DHCP lease and resolver, and runs Gherkin features that say what the
router must do for them. Without a router at hand it uses its built-in lab.`,
		Version:       record.Build(version),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetVersionTemplate("lanstorm {{.Version}}\n")
	var configFile string
	root.PersistentFlags().StringVar(&configFile, "config", "",
		"configuration file (default: $LANSTORM_CONFIG, or godog.yml here or in a folder above, or /etc/lanstorm/godog.yml)")
	load := func() (config.Config, error) { return config.Load(configFile) }
	root.AddCommand(runCommand(load), stepsCommand(), labCommand(load), cleanCommand(), doctorCommand(load), benchCommand(), reportCommand(), runsCommand(load), compareCommand(load), versionCommand())
	return root
}

// loader reads the configuration that the command line names.
type loader func() (config.Config, error)

func stepsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "steps",
		Short: "List the sentences that features can use",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return steps.PrintVocabulary(cmd.OutOrStdout())
		},
	}
}

// version is set by the Makefile to what packaging/version says.
var version = ""

func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which lanstorm this is",
		Args:  cobra.NoArgs,
	}
	asJSON := cmd.Flags().Bool("json", false, "print a JSON object of version, go and platform")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		build := record.Build(version)
		platform := runtime.GOOS + "/" + runtime.GOARCH
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"version": build, "go": runtime.Version(), "platform": platform})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "lanstorm %s (%s, %s)\n", build, runtime.Version(), platform)
		return err
	}
	return cmd
}
