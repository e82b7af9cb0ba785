// Command bench measures all that docs/benchmarks.md tells: what clients cost, as
// `lanstorm bench` measures it, and what they cost when they are made by the
// commands that people would type, or by the least that the kernel can do; what
// perfdhcp gets out of the same server; and clients that all ask at once, ping for
// a minute, or stand for minutes. What must be reached is in targets.go.
//
// It measures on this machine and its kernel, in labs that it builds itself, never
// on a real interface, and leaves nothing behind.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/template"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/signals"
)

// version of lanstorm; the Makefile sets it to what `git describe` says.
var version string

func main() { os.Exit(run(os.Args[1:])) }

// run returns 0 when all was measured, whether or not the targets were reached, 1
// when something was not, 2 when it could not start, and 128 and the signal's
// number when it was interrupted.
func run(args []string) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	document := flags.String("document", "/dev/stdout", "the `file` to write")
	tenth := flags.Bool("tenth", false, "a tenth of the clients, for a tenth of the minutes: to see that everything works")
	only := flags.String("only", "", "what to measure: all whose `name`, as it is printed meanwhile, contains this")
	if flags.Parse(args) != nil {
		return 2
	}
	err := installed()
	if flags.NArg() > 0 {
		err = fmt.Errorf("%q is one word too many", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	signals.SurviveClosedPipes()
	ctx, patience, stop := signals.Watch(context.Background())
	defer stop()
	s := &bench.Session{Mode: "bridge", Repeat: 3, Progress: os.Stderr, Patience: patience}
	r := newSuite(*tenth)
	r.Only = *only
	err = s.Run(func() error { return r.measure(ctx, s) })
	i, interrupted := signals.Interruption(ctx)
	code := 0
	switch {
	case errors.As(err, new(bench.StartError)):
		code = 2
	case interrupted:
		code = i.ExitCode()
	default:
		var text bytes.Buffer
		failed := documentTemplate.Execute(&text, r)
		if err = errors.Join(err, failed, os.WriteFile(*document, text.Bytes(), 0o644)); err != nil {
			code = 1
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return code
}

// programs are what all this needs besides lanstorm, with the Debian packages that
// have them.
var programs = []struct{ name, pkg string }{
	{"dnsmasq", "dnsmasq-base"},
	{"kea-dhcp4", "kea-dhcp4-server"},
	{"perfdhcp", "kea-admin"},
	{"dhclient", "isc-dhcp-client"},
	{"tcpdump", "tcpdump"},
	{"ip", "iproute2"},
	{"ping", "iputils-ping"},
	{"iperf3", "iperf3"},
	{"nginx", "nginx"},
}

// installed says which programs are not there, and how to get them.
func installed() error {
	var missing, packages []string
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			missing, packages = append(missing, p.name), append(packages, p.pkg)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("not installed: %s; install them with: apt install %s", strings.Join(missing, ", "), strings.Join(packages, " "))
}

// servers lists the versions of the servers, each as ", dnsmasq-base 2.90".
func servers() string {
	all, _ := exec.Command("dpkg-query", "-W", "-f", ", ${Package} ${Version}", "dnsmasq-base", "kea-dhcp4-server", "nginx", "iperf3").Output()
	return string(all)
}

//go:embed benchmarks.md.tmpl
var documentText string

// evidence is written by hand: why targets are out of reach, if any are.
//
//go:embed evidence.md
var evidence string

var documentTemplate = template.Must(template.New("benchmarks.md").Funcs(template.FuncMap{
	"evidence": func() string { return strings.TrimSpace(evidence) },
	"short":    measure.Short,
	"heads":    func() string { return tableRow(bench.Heads) },
	"cells":    func(row bench.Row) string { return tableRow(row.String()) },
	"cell":     func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
	"gb":       func(bytes int64) float64 { return float64(bytes) / (1 << 30) },
}).Parse(documentText))

// tableRow makes cells with tabs between them a line of a table in Markdown.
func tableRow(cells string) string {
	return "| " + strings.NewReplacer("|", `\|`, "\t  ", " | ", "\t", " | ").Replace(cells) + " |"
}
