// Command interop has lanstorm's clients get leases from DHCP servers that other
// people wrote, each from Debian's package and with its own defaults. As the
// control, as many udhcpc of busybox do so in another lab of the same kind. Then it
// runs the DHCP features against each of these servers, and has dual-stack clients
// meet routers of IPv6 of the same origin. It writes the results of all into a
// document.
//
// It works in a private machine (package nstest): the real one's network, /etc
// and /run are out of its reach.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/features"
	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/internal/record"
	"github.com/lanstorm/lanstorm/internal/signals"
	"github.com/lanstorm/lanstorm/steps"
)

const stdout = "/dev/stdout"

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
	worse, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 2
	}
	for _, line := range worse {
		fmt.Fprintln(os.Stderr, line)
	}
	return min(len(worse), 1)
}

// run returns a line for each thing that must not happen.
func run(ctx context.Context, args []string) (worse []string, err error) {
	flags := flag.NewFlagSet("interop", flag.ExitOnError)
	names := flags.String("servers", "dnsmasq,dhcpd,udhcpd,kea,networkd", "the values of lab.server to try, by IPv4")
	only := flags.String("only", "", "ipv6: try nothing else, and leave the rest of the document as it is")
	path := flags.String("document", stdout, "the file to write")
	_ = flags.Parse(args) // or it exits
	if *only != "" && *only != "ipv6" {
		return nil, fmt.Errorf("-only: there is ipv6, and not %q", *only)
	}
	chosen, err := choose(strings.Split(*names, ","))
	if err != nil {
		return nil, err
	}
	needed := append(chosen[:len(chosen):len(chosen)], udhcpc)
	if *only != "" {
		chosen, needed = nil, nil
	}
	for _, r := range routers6 {
		needed = append(needed, r.packages()...)
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("not root: network namespaces need it, so run this with sudo")
	}
	if packages := missing(needed...); packages != nil {
		return nil, errors.New("not installed; install with: apt install --no-install-recommends " + strings.Join(packages, " "))
	}
	d := &document{Udhcpc: udhcpc.Version(), Scenarios: map[scenario]verdicts{}}
	for _, p := range chosen {
		for _, n := range []int{10, 100, 250} {
			fmt.Fprintf(os.Stderr, "%s: %d clients\n", p.Name, n)
			r, err := try(ctx, p, n)
			if err != nil {
				return nil, fmt.Errorf("%s, %d clients: %w", p.Name, n, err)
			}
			d.Rows = append(d.Rows, r)
		}
		fmt.Fprintf(os.Stderr, "%s: the features\n", p.Name)
		record, err := p.meetFeatures(ctx, features.FS, "dhcp")
		if err != nil {
			return nil, fmt.Errorf("%s, features: %w", p.Name, err)
		}
		d.add(p.Name, record)
	}
	for _, router := range routers6 {
		for _, n := range []int{10, 100} {
			fmt.Fprintf(os.Stderr, "IPv6, %s: %d clients\n", router.Name, n)
			r, err := try6(ctx, router, n)
			if err != nil {
				return nil, fmt.Errorf("IPv6, %s, %d clients: %w", router.Name, n, err)
			}
			d.IPv6 = append(d.IPv6, r)
		}
	}
	text, err := d.text(*only)
	if *only != "" && *path != stdout && err == nil {
		var old []byte
		old, err = os.ReadFile(*path)
		text = keep(old, text)
	}
	if err != nil {
		return nil, err
	}
	return d.judge(), os.WriteFile(*path, []byte(text), 0o644)
}

// keep puts what a document has before its last section in front of a new one.
func keep(old []byte, section string) string {
	heading, _, _ := strings.Cut(section, "\n")
	before, _, _ := strings.Cut(string(old), heading+"\n")
	return before + section
}

var complaint = regexp.MustCompile(`(?m)^lanstorm: (.*)$`)

// meetFeatures runs features against the server, in a lab like that of the other
// table.
func (p program) meetFeatures(ctx context.Context, fsys fs.FS, path string) (*record.Run, error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := config.Default()
	c.Lab, c.DHCP.Timeout, c.Results.Dir = labOptions(p.server), deadline, dir
	var notes bytes.Buffer
	s := steps.Suite{Config: c, FS: fsys, Paths: []string{path}, Output: io.Discard, Notes: &notes, NoColors: true}
	code := s.Run(ctx)
	if m := complaint.FindStringSubmatch(notes.String()); m != nil {
		return nil, errors.New(m[1])
	}
	if code > 128 {
		return nil, fmt.Errorf("interrupted (exit code %d)", code)
	}
	return record.Read(s.Dir)
}
