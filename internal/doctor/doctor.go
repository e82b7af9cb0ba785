// Package doctor looks whether this machine, its interface and the router
// behind that are fit for a number of clients, and says what to do where they
// are not. What it makes, to see whether the kernel can, it makes in nameless
// network namespaces, which vanish with the process at the latest; but for one
// that is to have a name for a moment.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // clients work, but perhaps not as well as they could
	Problem Status = "problem" // clients cannot work
	Skipped Status = "skipped" // nothing is known; the finding says why
)

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Finding string `json:"finding"`
	Remedy  string `json:"remedy"` // what to do or to type; empty when ok, and when skipped
}

// String is the check in one line, as an error would tell it.
func (c Check) String() string {
	s := c.Name + ": " + c.Finding
	if c.Remedy != "" {
		s += "; " + c.Remedy
	}
	return s
}

// Options says what is planned.
type Options struct {
	Interface string        // towards the router; empty or "lab" for the built-in lab
	Clients   int           // how many there will be; 0 when not known: limits are then told, not judged
	Listen    time.Duration // how long DHCP servers may take to answer; default 4s
}

// listenTime is long enough for a server that pings an address before it
// offers it, for which dnsmasq takes three seconds.
const listenTime = 4 * time.Second

// Run makes every check, which takes as long as opts.Listen, or a moment in
// the lab. When ctx ends it returns early, and what it waited for is skipped.
func Run(ctx context.Context, opts Options) []Check {
	return newExam(ctx, opts, os.DirFS("/")).run(func(probe) bool { return true })
}

// Quick makes the checks that a run begins with: they neither wait, nor send, nor
// make anything.
func Quick(opts Options) []Check {
	return newExam(context.Background(), opts, os.DirFS("/")).run(func(p probe) bool { return !p.slow })
}

// Worst is the worst status of checks: Problem, Warning or OK. What was
// skipped does not count.
func Worst(checks []Check) Status {
	for _, s := range []Status{Problem, Warning} {
		if slices.ContainsFunc(checks, func(c Check) bool { return c.Status == s }) {
			return s
		}
	}
	return OK
}

// exam is one examination of the machine.
type exam struct {
	Options
	ctx    context.Context
	root   fs.FS                                // the machine's files, from /
	access func(path string, mode uint32) error // access(2)
	links  func() ([]netlink.Link, error)       // of this network namespace
	clock  func() (now time.Time, synchronised bool, err error)
	known  map[fact]bool
	parent netlink.Link    // once it is known to be fit
	offers []netmgr.Server // all that offered something
}

func newExam(ctx context.Context, opts Options, root fs.FS) *exam {
	if opts.Interface == "" {
		opts.Interface = "lab"
	}
	if opts.Listen <= 0 {
		opts.Listen = listenTime
	}
	return &exam{Options: opts, ctx: ctx, root: root, access: unix.Access, links: netmgr.Links, clock: kernelClock, known: map[fact]bool{}}
}

// fact is what a probe may find out and a later one build upon. Its text says
// what is missing where it is not known.
type fact string

const (
	isRoot     fact = "needs root"
	fitParent  fact = "needs an interface that is fit for clients"
	hasCarrier fact = "needs a link that is up"
)

// place is where a probe makes sense.
type place int

const (
	anywhere place = iota
	inLab
	onInterface
)

// probe is one row of the table of checks.
type probe struct {
	name  string
	where place
	slow  bool   // waits, sends or makes something, or is not worth a warning before every run
	needs []fact // without which the probe is skipped
	run   func(*exam) Check
}

// probes are in the order in which people read them, each behind those whose
// facts it needs.
var probes = []probe{
	{name: "kernel", run: (*exam).checkKernel},
	{name: "root", run: (*exam).checkRights},
	{name: "machine", run: (*exam).checkModel},
	{name: "power", run: (*exam).checkPower},
	{name: "throttling", run: (*exam).checkThrottling},
	{name: "clock", slow: true, run: (*exam).checkClock},
	{name: "namespaces", slow: true, needs: []fact{isRoot}, run: (*exam).checkNamespaces},
	{name: "packet sockets", needs: []fact{isRoot}, run: (*exam).checkSockets},
	{name: "macvlan", slow: true, needs: []fact{isRoot}, run: (*exam).checkMacvlan},
	{name: "veth", where: inLab, slow: true, needs: []fact{isRoot}, run: (*exam).checkVeth},
	{name: "masquerade", where: inLab, slow: true, needs: []fact{isRoot}, run: (*exam).checkMasquerade},
	{name: "interface", where: inLab, run: func(*exam) Check { return ok("the lab: no interface needed") }},
	{name: "interface", where: onInterface, run: (*exam).checkParent},
	{name: "link", where: onInterface, needs: []fact{fitParent}, run: (*exam).checkLink},
	{name: "speed", where: onInterface, needs: []fact{hasCarrier}, run: (*exam).checkSpeed},
	{name: "managers", where: onInterface, needs: []fact{fitParent}, run: (*exam).checkManagers},
	{name: "folders", needs: []fact{isRoot}, run: (*exam).checkFolders},
	{name: "file descriptors", run: (*exam).checkDescriptors},
	{name: "memory", run: (*exam).checkMemory},
	{name: "namespace limit", run: checkLimit(netmgr.Namespaces, "network namespaces")},
	{name: "neighbour table", run: checkLimit(netmgr.Neighbours, "neighbours")},
	{name: "packet backlog", run: checkLimit(netmgr.Backlog, "packets of one broadcast")},
	{name: "DHCP servers", where: onInterface, slow: true, needs: []fact{isRoot, hasCarrier}, run: (*exam).checkDHCP},
	{name: "addresses", where: onInterface, slow: true, needs: []fact{isRoot, hasCarrier}, run: (*exam).checkAddresses},
	{name: "machine id", where: onInterface, slow: true, needs: []fact{isRoot, hasCarrier}, run: (*exam).checkTwins},
}

func (e *exam) run(wanted func(probe) bool) (checks []Check) {
	here := onInterface
	if e.Interface == "lab" {
		here = inLab
	}
	for _, p := range probes {
		if wanted(p) && (p.where == anywhere || p.where == here) {
			c := e.try(p)
			c.Name = p.name
			checks = append(checks, c)
		}
	}
	return checks
}

func (e *exam) try(p probe) Check {
	for _, f := range p.needs {
		if !e.known[f] {
			return skipped("%s", f)
		}
	}
	return p.run(e)
}

func ok(format string, args ...any) Check      { return check(OK, "", format, args) }
func skipped(format string, args ...any) Check { return check(Skipped, "", format, args) }

func warning(remedy, format string, args ...any) Check { return check(Warning, remedy, format, args) }
func problem(remedy, format string, args ...any) Check { return check(Problem, remedy, format, args) }

func check(s Status, remedy, format string, args []any) Check {
	return Check{Status: s, Finding: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Print writes checks as a table for people, one line a check with its remedy
// below, and how many there are of each status.
func Print(w io.Writer, checks []Check) error {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.Name))
	}
	var b strings.Builder
	counts := map[Status]int{}
	for _, c := range checks {
		counts[c.Status]++
		fmt.Fprintf(&b, "%-7s  %-*s  %s\n", c.Status, width, c.Name, c.Finding)
		if c.Remedy != "" {
			fmt.Fprintf(&b, "%7s  %*s  -> %s\n", "", width, "", c.Remedy)
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %s, %s, %d skipped\n", counts[OK],
		measure.Times(counts[Warning], "warning"), measure.Times(counts[Problem], "problem"), counts[Skipped])
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintJSON writes checks as a JSON array, whose members have the keys name,
// status, finding and remedy.
func PrintJSON(w io.Writer, checks []Check) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(checks)
}
