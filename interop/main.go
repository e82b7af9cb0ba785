// Command interop has lanstorm's clients get leases from DHCP servers that
// nobody here wrote, each from Debian's package and with its own defaults, and
// beside them, as the control, as many udhcpc of busybox on a lab of the same
// kind. Then it runs the features against each of these servers. It writes what
// came of both into a document.
//
// It works in a private machine (package nstest): the real one's network, /etc
// and /run are out of its reach.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/signals"
)

// deadline is how long a client may take, ours or the control's.
const deadline = time.Minute

func main() { nstest.Main(command{}) }

// command is what the private machine runs.
type command struct{}

// Run returns 0 when our clients did as well as the control's everywhere, 1 when
// they did not, and 2 when it could not be tried.
func (command) Run() int {
	ctx, _, stop := signals.Watch(context.Background())
	defer stop()
	err := run(ctx, os.Args[1:])
	var worse worseError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	case errors.As(err, &worse):
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "interop:", err)
	return 2
}

// worseError is a line for each thing that must not be.
type worseError []string

func (e worseError) Error() string { return strings.Join(e, "\n") }

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	names := flags.String("servers", "dnsmasq,dhcpd,udhcpd,kea,networkd", "the values of lab.server to try")
	numbers := flags.String("clients", "10,100,250", `how many clients, one row each; "" for none`)
	path := flags.String("features", "dhcp", `which of the features to run; "" for none`)
	document := flags.String("document", "", "a file to write the tables to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	sizes, err := parseSizes(*numbers)
	if err != nil {
		return err
	}
	chosen, err := choose(strings.Split(*names, ","))
	if err != nil {
		return err
	}
	a, err := read(features.FS, *path)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("not root: network namespaces need it, so run this with sudo")
	}
	if missing := missing(append(slices.Clone(chosen), udhcpc)); missing != nil {
		return errors.New("not installed; install with: apt install --no-install-recommends " + strings.Join(missing, " "))
	}
	rows, err := tryAll(ctx, chosen, sizes)
	if err != nil {
		return err
	}
	columns, err := meetAll(ctx, chosen, *path)
	if err != nil {
		return err
	}
	if columns != nil {
		fmt.Print("\n", findings(a, columns))
	}
	if *document != "" {
		if err := os.WriteFile(*document, []byte(page(rows, a, columns)), 0o644); err != nil {
			return err
		}
	}
	if worse := append(judge(rows), judgeScenarios(a, columns)...); worse != nil {
		return worseError(worse)
	}
	return nil
}

// tryAll prints each row as soon as it is known.
func tryAll(ctx context.Context, chosen []program, sizes []int) (rows []row, err error) {
	fmt.Print(head)
	for _, p := range chosen {
		for _, n := range sizes {
			r, err := try(ctx, p, n)
			if err != nil {
				return nil, fmt.Errorf("%s, %d clients: %w", p.name, n, err)
			}
			fmt.Print(r)
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// try has n of our clients get a lease from the server, and then n of the
// control's from another that is new.
func try(ctx context.Context, p program, n int) (r row, err error) {
	r = row{Server: p.name, Version: p.version(), Clients: n}
	if err := inLab(p.server, func(l *lab.Lab) error { return r.ours(ctx, l) }); err != nil {
		return r, err
	}
	err = inLab(p.server, func(l *lab.Lab) (err error) {
		r.Control, err = control(ctx, l, n)
		return err
	})
	return r, err
}

func parseSizes(text string) (sizes []int, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > mostClients {
			return nil, fmt.Errorf("-clients: %q is not a number from 1 to %d", word, mostClients)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
