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
func run() int { return execute(command()) }

func execute(root *cobra.Command) int {
	err := root.ExecuteContext(context.Background())
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
	root.AddCommand(runCommand(load), checkCommand(load), stepsCommand(), labCommand(load), cleanCommand(), doctorCommand(load), benchCommand(), reportCommand(), runsCommand(load), compareCommand(load), versionCommand())
	return root
}

// loader reads the configuration that the command line names.
type loader func() (config.Config, error)

func stepsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "steps [words...]",
		Short: "List the sentences that features can use",
		Long: `List the sentences that features can use: all, or those that have these words in
them or in what they mean.`,
		Example: `  lanstorm steps
  lanstorm steps ping router`,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	asMarkdown := cmd.Flags().Bool("markdown", false, "print Markdown, as docs/steps.md is")
	glue := cmd.Flags().String("glue", "", "write lanstorm.js into this `folder`, by which editors know the sentences")
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		if *glue != "" {
			return writeGlue(*glue)
		}
		print := steps.PrintVocabulary
		switch {
		case *asJSON:
			print = steps.PrintVocabularyJSON
		case *asMarkdown:
			print = steps.PrintVocabularyMarkdown
		}
		return print(cmd.OutOrStdout(), words...)
	}
	return cmd
}

// writeGlue writes the file for editors, and the folder if need be.
func writeGlue(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return record.WriteStream(dir, "lanstorm.js", steps.WriteGlue)
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
