package steps

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cucumber/godog"
	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/namespace"
	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// quick is a configuration that does not wait long for what never comes.
func quick(t *testing.T, settings map[string]string) config.Config {
	t.Helper()
	c := config.Default()
	for _, base := range []struct{ key, value string }{
		{"dhcp.timeout", "2s"}, {"ping.count", "2"}, {"ping.interval", "50ms"}, {"ping.timeout", "500ms"}, {"godog.format", "progress"},
		{"results.dir", t.TempDir()},
	} {
		if err := c.Set(base.key, base.value); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range settings {
		if err := c.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// runFeature runs one scenario made of sentences and returns the exit code and
// all that was printed. It fails the test when anything is left.
func runFeature(t *testing.T, c config.Config, tags string, sentences ...string) (code int, output string) {
	t.Helper()
	return runSuite(t, featureSuite(c, tags, sentences...))
}

func featureSuite(c config.Config, tags string, sentences ...string) *Suite {
	feature := tags + "\nFeature: f\n  Scenario: s\n    * " + strings.Join(sentences, "\n    * ") + "\n"
	return &Suite{
		Config: c,
		FS:     fstest.MapFS{"features/f.feature": {Data: []byte(feature)}},
	}
}

func runSuite(t *testing.T, s *Suite) (code int, output string) {
	t.Helper()
	before := traces(t)
	var out strings.Builder
	s.Output, s.Notes, s.NoColors = &out, &out, true
	code = s.Run(t.Context())
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Errorf("the run left a trace (-before +after):\n%s", diff)
	}
	return code, out.String()
}

// failed accepts, too, that the tester was at its limit meanwhile, as it may be
// while tests run side by side.
func failed(code int) bool { return code == ExitFailed || code == ExitInconclusive }

// traces lists where a run could leave something.
func traces(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, dir := range []string{namespace.Dir, namespace.EtcDir, "/run/lanstorm", "/sys/class/net"} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			found[dir] = append(found[dir], e.Name())
		}
	}
	return found
}

const (
	tenClients = `I create 10 virtual clients using macvlan`
	pingGoogle = `all clients attempt to ping Google DNS`
)

func TestWhatARunRefuses(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	for _, tt := range []struct {
		name     string
		settings map[string]string
		tags     string
		sentence string
		code     int
		want     string
	}{
		{"no clients", nil, "", `I create 0 virtual clients using macvlan`, ExitNotRunnable, "0 clients: ask for at least 1"},
		{"fewer than none", nil, "", `I create -3 virtual clients using macvlan`, ExitNotRunnable, `"I create -3 virtual clients using macvlan": -3 is less than nothing`},
		{"more than there are MAC addresses", nil, "", `I create 70000 virtual clients using macvlan`, ExitNotRunnable, "at most 65535"},
		{"no clients a second", nil, "", `I create 5 virtual clients using macvlan at 0 per second`, ExitNotRunnable, "0 clients per second: ask for 1 to 1000000"},
		{"in no time", nil, "", `I create 5 clients connected to the router over 0 seconds`, ExitNotRunnable, "0s: ask for more than 0s"},
		{"a percentile that there is not", nil, "", `the 101st percentile latency to the router should be under 20 ms`, ExitNotRunnable, "101 is more than 100 -> write a smaller one"},
		{"a latency below any", nil, "", `the 95th percentile latency to Google DNS should be under 0 ms`, ExitNotRunnable, "under 0s: ask for more than 0s"},
		{"a loss above all", nil, "", `no client should lose more than 101% of its pings`, ExitNotRunnable, "101 is more than 100 -> write a smaller one"},
		{"a measurement of no time", nil, "", `all clients measure the latency to the router for 0 seconds`, ExitNotRunnable, "a measurement of 0s: ask for 1s to 24h0m0s"},
		{"a percentile beyond the last", nil, "", `the 100.5th percentile latency to the router should be under 1 minute`, ExitNotRunnable, "100.5 is more than 100 -> write a smaller one"},
		{"more clients than can be counted", nil, "", `I create 99999999999999999999 virtual clients using macvlan`, ExitNotRunnable, "lanstorm: features/f.feature:4: \"I create 99999999999999999999 virtual clients using macvlan\": 99999999999999999999 is too large a number -> write a smaller one\n"},
		{"a table that nobody takes", nil, "", tenClients + "\n      | 5 |", ExitNotRunnable, "lanstorm: features/f.feature:4: \"I create 10 virtual clients using macvlan\": this sentence takes no table -> take it away\n"},
		{"a doc string that nobody takes", nil, "", tenClients + "\n      \"\"\"\n      5\n      \"\"\"", ExitNotRunnable, "this sentence takes no doc string"},
		{"an interface that is not there", map[string]string{"interface": "eth7"}, "", tenClients, ExitNotRunnable, `interface: eth7 is not there`},
		{"tags that select nothing", map[string]string{"godog.tags": "@typo"}, "@smoke", tenClients, ExitNotRunnable, `tags "@typo" select no scenario of features`},
		{"only scenarios for a real router", nil, "@hardware", tenClients, ExitNotRunnable, "needs a real router, and this run uses the lab"},
		{"an undefined step", nil, "", `I juggle 5 clients`, ExitNotRunnable, "lanstorm: features/f.feature:4: no such sentence: \"I juggle 5 clients\" -> `lanstorm steps` lists those there are\n" +
			"lanstorm: nothing was run: of what is wrong above, `lanstorm check` tells all\n"},
		{"a scenario without steps", nil, "", "\n  Scenario: empty", ExitNotRunnable, "lanstorm: features/f.feature:5: \"empty\" has no steps -> write some, or take the scenario away\n"},
		{"a scenario about Wi-Fi", nil, "", `I connect to WiFi`, ExitNotRunnable, `lanstorm: nothing to run: of 1 scenario selected, "s" needs a Wi-Fi client, and virtual clients hang on a wire: this machine has no radio`},
		{"Wi-Fi in other words", nil, "", `the phone sees the Wi-Fi`, ExitNotRunnable, `"s" needs a Wi-Fi client`},
		{"leases of clients that speak IPv6", map[string]string{"ip_family": "ipv6"}, "", `the router should follow the DHCP standard`, ExitNotRunnable, "the sentence is about IPv4, and clients speak none: set ip_family to dual or ipv4"},
		{"pings by IPv4 of clients that speak IPv6", map[string]string{"ip_family": "ipv6"}, "", `all clients attempt to ping Google DNS "IPV4"`, ExitNotRunnable, "the sentence is about IPv4, and clients speak none: set ip_family to dual or ipv4"},
		{"IPv6 of clients that speak IPv4", map[string]string{"ip_family": "ipv4"}, "", `all clients attempt to ping Google DNS "IPV6"`, ExitNotRunnable, `"s" needs IPv6, and clients speak IPv4 only (set ip_family to dual)`},
		{"a verdict without clients", nil, "", `all assigned IPs should be reachable`, ExitFailed, "there are no clients yet"},
		{"a verdict without pings", nil, "", `all clients should respond successfully`, ExitFailed, "nothing was pinged yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, output := runFeature(t, quick(t, tt.settings), tt.tags, tt.sentence)
			if code != tt.code || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tt.code, tt.want, output)
			}
		})
	}
}

func TestSentencesAsPeopleWriteThem(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	code, output := runFeature(t, quick(t, nil), "",
		`the lab router gives leases of 1 hour`,
		`the lab router delays packets by "1.5" ms`,
		`the lab router hands out 1 address`,
		`I create 1 virtual client using macvlan over 100 ms`,
		`the 99.9th percentile latency to the router should be under "1" minute`,
		`no client should lose more than 99.5% of its pings`,
		`all clients should keep their addresses for 10 ms`,
		`all clients measure the latency to the router for 1 second`)
	if code != ExitPassed {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func TestForeignNamespaceIsRefusedAndKept(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	foreign, err := namespace.Create("ns3")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Delete()
	code, output := runFeature(t, quick(t, nil), "", tenClients)
	if want := "already there and not ours: namespace ns3;"; code != ExitNotRunnable || !strings.Contains(output, want) {
		t.Errorf("exit code %d, want %d and %q in:\n%s", code, ExitNotRunnable, want, output)
	}
	if !namespace.Exists("ns3") {
		t.Error("the foreign namespace is gone")
	}
}

// Whatever becomes of the steps and hooks, nothing is left: runSuite looks.
func TestNothingIsLeftAfterPanicsAndErrors(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	for _, tt := range []struct {
		name  string
		step  func(*world) error
		after func() error
		want  string
	}{
		{"a panic in a step", func(*world) error { panic("juggling") }, nil, "juggling"},
		{"an error in a step", func(*world) error { return errors.New("dropped") }, nil, "dropped"},
		{"a panic in what a client does", func(w *world) error {
			return verdict(w.m, "fell", w.m.Each(context.Background(), func(context.Context, *netmgr.Client) error { panic("off the rope") }))
		}, nil, "10 of 10 clients fell: ns1-ns10: tester: panic: off the rope (suite_test.go:"},
		{"a panic in an After hook", nil, func() error { panic("curtain") }, "lanstorm: panic: curtain"},
		{"an error in an After hook", nil, func() error { return errors.New("stuck") }, "stuck"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stood := false
			s := featureSuite(quick(t, nil), "", tenClients, "something happens", pingGoogle)
			s.extra = func(sc *godog.ScenarioContext, w *world) {
				if tt.after != nil {
					sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
						return ctx, tt.after()
					})
				}
				sc.Step("^something happens$", func() error {
					stood = namespace.Exists("ns10")
					if tt.step != nil {
						return tt.step(w)
					}
					return nil
				})
			}
			code, output := runSuite(t, s)
			if !stood {
				t.Error("the clients did not stand when it happened")
			}
			if !failed(code) || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, ExitFailed, tt.want, output)
			}
		})
	}
}

func TestInterruptedRunEndsSoonAndClean(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	before := traces(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	time.AfterFunc(500*time.Millisecond, func() { cancel(stop) })
	var out strings.Builder
	s := Suite{
		Config: quick(t, map[string]string{"dhcp.timeout": "5m", "lab.faults": "silent-dhcp"}),
		FS: fstest.MapFS{"features/f.feature": {Data: []byte(
			"Feature: f\n  Scenario: a\n    * " + tenClients + "\n  Scenario: b\n    * " + tenClients + "\n")}},
		Output: &out, Notes: &out, NoColors: true,
	}
	code := s.Run(ctx) // returns at all: the lease alone would take five minutes
	if !failed(code) || strings.Count(out.String(), "interrupted") < 2 {
		t.Errorf("exit code %d, want %d and both scenarios interrupted:\n%s", code, ExitFailed, out.String())
	}
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}
