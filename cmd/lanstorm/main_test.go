package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/steps"
)

// TestMain makes this test binary the program that it is called as: lanstorm,
// or `godog run` and the program that that builds. Otherwise it runs the tests
// in a network of their own.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "lanstorm":
		if log := os.Getenv(documented); log != "" {
			os.Exit(tryDocumented(log))
		}
		os.Exit(run())
	case "godog":
		os.Exit(godogRun(os.Args[1:]))
	case "godog.test":
		os.Exit(steps.GodogMain(os.Args[1:]))
	}
	nstest.Main(scripted{m})
}

type scripted struct{ m *testing.M }

// Run puts the program on the scripts' PATH, runs the tests and exits.
func (s scripted) Run() int {
	testscript.Main(s.m, map[string]func(){"lanstorm": main})
	return 0
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/cli"})
}

func TestCommandLineAsRoot(t *testing.T) {
	scripts, err := filepath.Glob("testdata/root/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	t.Parallel()
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			testscript.Run(t, testscript.Params{
				Files: []string{script},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"veth":   makeVeth,
					"netns":  makeNamespace,
					"traces": compareTraces,
				},
			})
		})
	}
}

// makeVeth makes a link that is down: veth NAME.
func makeVeth(ts *testscript.TestScript, neg bool, args []string) {
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: args[0]}, PeerName: args[0] + "-peer"}
	ts.Check(netlink.LinkAdd(link))
	ts.Defer(func() { ts.Check(netlink.LinkDel(link)) })
}

// makeNamespace makes a namespace that is not lanstorm's: netns NAME.
func makeNamespace(ts *testscript.TestScript, neg bool, args []string) {
	ns, err := namespace.Create(args[0])
	ts.Check(err)
	ts.Defer(func() { ts.Check(ns.Delete()) })
}
