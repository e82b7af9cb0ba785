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
	"github.com/spf13/pflag"

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
	root.SetFlagErrorFunc(flagError)
	onlyOnce(root)
	return root
}

// onlyOnce makes the options of a command, and of those below it, such that are given once.
func onlyOnce(cmd *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			_, list := f.Value.(pflag.SliceValue)
			if _, done := f.Value.(*once); !list && !done {
				f.Value = &once{Value: f.Value}
			}
		})
	}
	for _, below := range cmd.Commands() {
		onlyOnce(below)
	}
}

// once is an option that is given once: of two, pflag would forget the first.
type once struct {
	pflag.Value
	given bool
}

func (o *once) Set(text string) error {
	if o.given {
		return fmt.Errorf("given twice, first as %q: say it all in one", o.String())
	}
	o.given = true
	return o.Value.Set(text)
}

// ofBehave is what options of Behave's are here.
var ofBehave = map[string]string{
	"--dry-run": "the command check", "-d": "the command check", "--stop": "--stop-on-failure",
	"--junit": "not needed: each run has a junit.xml", "--junit-directory": "--results", "-D": "a variable, such as LANSTORM_PING_DURATION=60s",
	"--no-capture": "not needed", "--no-logcapture": "not needed", "--no-skipped": "not needed", "-o": "behind the format, such as --format junit:results.xml",
}

// flagError says what an option that is not known may be meant to be.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	flag := "--" + unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		flag = "-" + unknown.GetSpecifiedName()
	}
	if here := ofBehave[flag]; here != "" && cmd.Name() == "run" {
		return fmt.Errorf("unknown option %s: here it is %s (docs/from-behave.md)", flag, here)
	}
	like := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if like == "" && config.Alike(unknown.GetSpecifiedName(), f.Name) {
			like = fmt.Sprintf(" (did you mean --%s?)", f.Name)
		}
	})
	return fmt.Errorf("unknown option %s%s: see %s --help", flag, like, cmd.CommandPath())
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
