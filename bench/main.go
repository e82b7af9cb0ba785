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
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/lanstorm/lanstorm/internal/bench"
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
