package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/signals"
	"github.com/lanstorm/lanstorm/netmgr"
	"github.com/lanstorm/lanstorm/steps"
)

func benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what clients cost on this machine, in the lab",
		Long: `Measure what clients cost on this machine: how long it takes to make them, to
give them leases, to configure and to remove them, all at once, and the memory,
open files and threads that they hold while they stand idle. Needs root.

It builds a lab of its own for each number of clients, and prints a column with
the round of median length of several. It never uses a real interface. Whatever else
runs on this machine meanwhile is measured too.

Exit code: 0 measured, 1 something failed (clients without a lease, something
left behind), 2 it could not start, 128 and the signal's number: interrupted.`,
		Example: `  sudo lanstorm bench
  sudo lanstorm bench --clients 1000,4000 --server kea --json`,
		Args: cobra.NoArgs,
	}
	var s bench.Session
	var numbers []int
	var server string
	var asJSON bool
	flags := cmd.Flags()
	flags.IntSliceVarP(&numbers, "clients", "n", []int{50, 200, 1000, 4000}, "how many clients, a column for each number")
	flags.StringVar(&server, "server", "lab", "whom they get their leases from: lab, dnsmasq or kea")
	flags.StringVar(&s.Mode, "mode", "bridge", "macvlan mode: bridge or private")
	flags.IntVar(&s.Repeat, "repeat", 3, "rounds for each number of clients")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, n := range numbers {
			if n < 1 || n > netmgr.MostClients {
				return fmt.Errorf("--clients: %d is out of range (1 to %d)", n, netmgr.MostClients)
			}
		}
		chosen, known := map[string]lab.Server{"lab": "", "dnsmasq": lab.Dnsmasq, "kea": lab.Kea}[server]
		switch {
		case !known:
			return fmt.Errorf("--server: %q is not one of lab, dnsmasq, kea", server)
		case s.Mode != "bridge" && s.Mode != "private":
			return fmt.Errorf("--mode: %q is not one of bridge, private", s.Mode)
		case s.Repeat < 1 || s.Repeat > 100:
			return fmt.Errorf("--repeat: %d is out of range (1 to 100)", s.Repeat)
		}
		signals.SurviveClosedPipes()
		ctx, patience, stop := signals.Watch(cmd.Context())
		defer stop()
		s.Patience, s.Progress = patience, cmd.ErrOrStderr()
		var rows []bench.Row
		err := s.Run(func() error {
			for _, n := range numbers {
				row, err := s.Measure(ctx, chosen, n, nil)
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
			return nil
		})
		if len(rows) > 0 {
			if err := printRows(cmd.OutOrStdout(), rows, asJSON); err != nil {
				return err
			}
		}
		if err == nil || errors.As(err, new(bench.StartError)) {
			return err
		}
		fmt.Fprintln(os.Stderr, "lanstorm:", strings.ReplaceAll(err.Error(), "\n", "; "))
		if i, ok := signals.Interruption(ctx); ok {
			return exitCode(i.ExitCode())
		}
		return exitCode(steps.ExitFailed)
	}
	return cmd
}

func printRows(w io.Writer, rows []bench.Row, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"rows": rows})
	}
	// A column for each number of clients fits in a terminal; what is said of the
	// tester does not, and stands below.
	heads := strings.Split(bench.Heads, "\t")
	lines, verdicts := slices.Clone(heads[:len(heads)-1]), ""
	for _, row := range rows {
		cells := strings.Split(row.String(), "\t")
		for i := range lines {
			lines[i] += "\t" + cells[i]
		}
		verdicts += fmt.Sprintf("%s: %s\n", measure.Times(row.Clients, "client"), strings.TrimSpace(cells[len(lines)]))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(lines, "\t\n")+"\t")
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n"+verdicts)
	return err
}
