package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/machine"
	"github.com/lanstorm/lanstorm/internal/signals"
	"github.com/lanstorm/lanstorm/internal/sweep"
)

func labCommand(load loader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Keep the built-in router standing, to look around in it",
		Long: `Keep the built-in router standing, so that you can look around with
"ip netns exec", connect a client made by hand, or aim "lanstorm run
--interface" at it. Needs root.`,
	}
	var foreground bool
	up := &cobra.Command{
		Use:   "up",
		Short: "Build the lab and leave it standing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case os.Geteuid() != 0:
				return errors.New("not root: the lab is made of network namespaces, so run this with sudo")
			case os.Getenv(readyPipe) != "":
				return serveDetached(cmd, load)
			case foreground:
				return serve(cmd, load, func(l *lab.Lab) error {
					_, err := fmt.Fprint(cmd.OutOrStdout(), describe(l))
					return err
				})
			}
			return detach(cmd)
		},
	}
	up.Flags().BoolVar(&foreground, "foreground", false, "stay in the terminal until interrupted")
	cmd.AddCommand(up, &cobra.Command{
		Use:   "down",
		Short: "Take the standing lab down",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return errors.New("not root: run this with sudo")
			}
			swept, err := sweep.Dead(cmd.Context(), false)
			if err != nil {
				return err
			}
			for _, r := range swept {
				fmt.Fprintln(cmd.OutOrStdout(), "cleaned up after", r)
			}
			parent, err := lab.Down()
			if errors.Is(err, os.ErrNotExist) {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no lab is standing")
				return err
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "the lab at %s is gone\n", parent)
			return err
		},
	})
	return cmd
}

// serve keeps a lab standing until a signal, or what ready returns, ends it.
func serve(cmd *cobra.Command, load loader, ready func(*lab.Lab) error) error {
	c, err := load()
	if err != nil {
		return err
	}
	if _, err := sweep.Dead(cmd.Context(), false); err != nil {
		return err
	}
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	signals.SurviveClosedPipes()
	ctx, _, stop := signals.Watch(ctx)
	defer stop()
	var unheard error
	err = lab.Serve(ctx, c.Lab, func(l *lab.Lab) {
		if unheard = ready(l); unheard != nil {
			end() // nobody would know of it
		}
	})
	return errors.Join(err, unheard)
}

// readyPipe tells the detached process that its descriptor 3 is a pipe to the
// command that waits for the lab to stand.
const readyPipe = "_LANSTORM_READY"

// detach runs this program once more, in a session of its own, and waits until
// the lab stands there or its process has ended.
func detach(cmd *cobra.Command) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Args[0] = os.Args[0]
	child.Env = append(os.Environ(), readyPipe+"=3")
	child.ExtraFiles = []*os.File{w}
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = child.Start()
	w.Close()
	if err != nil {
		return err
	}
	story, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(story) == 0 { // it ended, and has said why
		_ = child.Wait()
		return exitCode(child.ProcessState.ExitCode())
	}
	_, err = cmd.OutOrStdout().Write(story)
	return err
}

func serveDetached(cmd *cobra.Command, load loader) error {
	pipe := os.NewFile(3, "ready")
	return serve(cmd, load, func(l *lab.Lab) error {
		// Whoever started us must not wait for us to close these.
		if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
			for _, std := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
				_ = unix.Dup3(int(null.Fd()), int(std.Fd()), 0)
			}
			null.Close()
		}
		defer pipe.Close()
		_, err := io.WriteString(pipe, describe(l))
		return err
	})
}

func describe(l *lab.Lab) string {
	namespaces := l.Namespaces()
	return fmt.Sprintf(`The lab stands (pid %d). Its router is %s, and clients go on %[3]s:

  ip netns exec %[4]s ip address        look at the router
  ip netns exec %[5]s ip address      look at the Internet behind it
  %[6]s run --interface %[3]s              run features against it
  %[6]s lab down                          take it down

A client by hand:

  ip netns add mine
  ip link add link %[3]s name mine0 netns mine type macvlan mode bridge
  mkdir -p /etc/netns/mine && touch /etc/netns/mine/resolv.conf
  ip netns exec mine udhcpc -i mine0 -n -q
`, os.Getpid(), l.Router, l.Parent, namespaces[0], namespaces[1], machine.Program())
}
