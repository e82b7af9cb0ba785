package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lanstorm/lanstorm/internal/doctor"
	"github.com/lanstorm/lanstorm/internal/signals"
	"github.com/lanstorm/lanstorm/netmgr"
	"github.com/lanstorm/lanstorm/steps"
)

func doctorCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether this machine and its interface are fit for clients",
		Long: `Look whether this machine, its interface and the router behind that are fit
for a number of clients, and say what to do where they are not.

Needs root to look at everything, and skips the rest without. On an interface
it asks who offers addresses by DHCP, and takes none. It leaves the
machine as it was. How many addresses the router has free it cannot see.

Exit code: 0 no problem (there may be warnings), 1 a problem, 2 doctor could
not run.`,
		Example: `  sudo lanstorm doctor
  sudo lanstorm doctor --interface eth0 --clients 200
  sudo lanstorm doctor --json`,
		Args: cobra.NoArgs,
	}
	var clients int
	var asJSON bool
	flags := cmd.Flags()
	flags.StringP("interface", "i", "", "Ethernet interface towards the router, or lab")
	flags.IntVarP(&clients, "clients", "n", 100, "how many clients there will be")
	flags.BoolVar(&asJSON, "json", false, "print a JSON array of name, status, finding and remedy")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.SetFlags(flags, map[string]string{"interface": "interface"}); err != nil {
			return err
		}
		if clients < 1 || clients > netmgr.MostClients {
			return fmt.Errorf("--clients: %d is out of range (1 to %d)", clients, netmgr.MostClients)
		}
		ctx, _, stop := signals.Watch(cmd.Context())
		defer stop()
		checks := doctor.Run(ctx, doctor.Options{Interface: c.Interface, Clients: clients})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		print := doctor.Print
		if asJSON {
			print = doctor.PrintJSON
		}
		if err := print(cmd.OutOrStdout(), checks); err != nil {
			return err
		}
		if doctor.Worst(checks) == doctor.Problem {
			return exitCode(steps.ExitFailed)
		}
		return nil
	}
	return cmd
}
