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
)

func TestMain(m *testing.M) { nstest.Main(m) }

// quick is a configuration that does not wait long for what never comes.
func quick(t *testing.T, settings map[string]string) config.Config {
	t.Helper()
	c := config.Default()
	for _, base := range []struct{ key, value string }{
		{"dhcp.timeout", "2s"}, {"ping.count", "2"}, {"ping.interval", "50ms"}, {"ping.timeout", "500ms"}, {"godog.format", "progress"},
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

// Each broken router makes the suite fail, and for the right reason.
func TestBrokenRoutersFailForTheRightReason(t *testing.T) {
	nstest.Need(t)
	for _, tt := range []struct {
		name      string
		settings  map[string]string
		sentences []string
		want      string
	}{
		{
			"a pool too small", map[string]string{"lab.pool": "5"},
			[]string{tenClients},
			"5 got a lease, so the router's address pool may be used up (the lab's router has 5 addresses: raise lab.pool)",
		},
		{
			"a silent DHCP server", map[string]string{"lab.faults": "silent-dhcp"},
			[]string{tenClients},
			"10 of 10 clients failed: ns1-ns10: lease: no OFFER in 2s (2 DISCOVERs sent)",
		},
		{
			"no gateway in the lease, seen by the addresses", map[string]string{"lab.faults": "no-gateway"},
			[]string{tenClients, `each client should receive a valid IP address from the router`},
			"10 of 10 clients have no valid address: ns1-ns10: the lease from 10.77.0.1 names no gateway (option 3)",
		},
		{
			"no gateway in the lease, seen by pings to the Internet", map[string]string{"lab.faults": "no-gateway"},
			[]string{tenClients, pingGoogle, `all clients should respond successfully`},
			"10 of 10 clients did not reach the Internet: ns1-ns10: no route to 8.8.8.8: the lease from 10.77.0.1 names no gateway (option 3)",
		},
		{
			"no gateway in the lease, seen by pings to the router", map[string]string{"lab.faults": "no-gateway"},
			[]string{tenClients, `all clients ping the router in parallel`, `each client should successfully reach the router`},
			"10 of 10 clients did not reach the router: ns1-ns10: the lease from 10.77.0.1 names no gateway (option 3)",
		},
		{
			"the Internet down, seen by pings", map[string]string{"lab.faults": "internet-down"},
			[]string{tenClients, pingGoogle, `each client should successfully reach the internet`},
			"10 of 10 clients did not reach the Internet: ns1-ns10: network unreachable, says 10.77.0.1",
		},
		{
			"the Internet down, seen by the share that answered", map[string]string{"lab.faults": "internet-down"},
			[]string{tenClients, pingGoogle, `the overall network connectivity should remain stable`},
			"only 0% of the clients had an answer, not 95%: 10 of 10 clients did not reach the Internet: ns1-ns10: network unreachable, says 10.77.0.1",
		},
		{
			"the Internet down, seen by a page", map[string]string{"lab.faults": "internet-down"},
			[]string{tenClients, `each client should fetch "http://198.51.100.80/"`},
			`10 of 10 clients could not fetch http://198.51.100.80/: ns1-ns10: Get "http://198.51.100.80/": connect to 198.51.100.80:80: connect: network is unreachable`,
		},
		{
			"a silent DNS server", map[string]string{"lab.faults": "silent-dns"},
			[]string{tenClients, `each client should resolve "example.test"`},
			"10 of 10 clients could not resolve example.test: ns1-ns10: lookup example.test: 10.77.0.1 did not answer in 4s (2 queries sent)",
		},
		{
			"a router that is not where godog.yml says", map[string]string{"targets.router": "10.99.0.1"},
			[]string{tenClients, `each client should receive a valid IP address from the router`},
			"is not in the subnet of the router 10.99.0.1",
		},
		{
			"clients that cannot reach one another", map[string]string{"clients.macvlan_mode": "private"},
			[]string{tenClients, `all assigned IPs should be reachable`},
			"macvlan mode private keeps clients apart",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, output := runFeature(t, quick(t, tt.settings), "", tt.sentences...)
			if code != ExitFailed || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, ExitFailed, tt.want, output)
			}
		})
	}
}

func TestWhatARunRefuses(t *testing.T) {
	nstest.Need(t)
	for _, tt := range []struct {
		name     string
		settings map[string]string
		tags     string
		sentence string
		code     int
		want     string
	}{
		{"no clients", nil, "", `I create 0 virtual clients using macvlan`, ExitNotRunnable, "0 clients: ask for at least 1"},
		{"fewer than none", nil, "", `I create -3 virtual clients using macvlan`, ExitNotRunnable, "-3 clients: ask for at least 1"},
		{"more than there are MAC addresses", nil, "", `I create 70000 virtual clients using macvlan`, ExitNotRunnable, "at most 65535"},
		{"an interface that is not there", map[string]string{"interface": "eth7"}, "", tenClients, ExitNotRunnable, "interface eth7: there is none"},
		{"tags that select nothing", map[string]string{"godog.tags": "@typo"}, "@smoke", tenClients, ExitNotRunnable, `tags "@typo" select no scenario of the features inside this program`},
		{"only scenarios for a real router", nil, "@hardware", tenClients, ExitNotRunnable, "needs a real router, and this run uses the lab"},
		{"an undefined step", nil, "", `I juggle 5 clients`, ExitFailed, `undefined: features/f.feature:4: no such sentence: "I juggle 5 clients"`},
		{"a scenario without steps", nil, "", "\n  Scenario: empty", ExitFailed, `undefined: features/f.feature: "empty" has no steps`},
		{"IPv6", nil, "", `all assigned IPv4 and IPv6 addresses should be reachable`, ExitFailed, "IPv6 is not supported yet"},
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

func TestIPv6SentencesFailAfterClientsStand(t *testing.T) {
	nstest.Need(t)
	for _, ping := range []string{`all clients attempt to ping Google DNS "IPV6"`, `all clients attempt to ping the router simultaneously using ipv6`} {
		code, output := runFeature(t, quick(t, nil), "", `I create 1 virtual clients using macvlan`, ping)
		if code != ExitFailed || !strings.Contains(output, "IPv6 is not supported yet") {
			t.Errorf("exit code %d for %q:\n%s", code, ping, output)
		}
	}
}

func TestForeignNamespaceIsRefusedAndKept(t *testing.T) {
	nstest.Need(t)
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
	nstest.Need(t)
	for _, tt := range []struct {
		name        string
		step, after func() error
		want        string
	}{
		{"a panic in a step", func() error { panic("juggling") }, nil, "juggling"},
		{"an error in a step", func() error { return errors.New("dropped") }, nil, "dropped"},
		{"a panic in an After hook", nil, func() error { panic("curtain") }, "lanstorm: panic: curtain"},
		{"an error in an After hook", nil, func() error { return errors.New("stuck") }, "stuck"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stood := false
			s := featureSuite(quick(t, nil), "", tenClients, "something happens", pingGoogle)
			s.extra = func(sc *godog.ScenarioContext) {
				if tt.after != nil {
					sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
						return ctx, tt.after()
					})
				}
				sc.Step("^something happens$", func() error {
					stood = namespace.Exists("ns10")
					if tt.step != nil {
						return tt.step()
					}
					return nil
				})
			}
			code, output := runSuite(t, s)
			if !stood {
				t.Error("the clients did not stand when it happened")
			}
			if code != ExitFailed || !strings.Contains(output, tt.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, ExitFailed, tt.want, output)
			}
		})
	}
}

func TestInterruptedRunEndsSoonAndClean(t *testing.T) {
	nstest.Need(t)
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
	if code != ExitFailed || strings.Count(out.String(), "interrupted") < 2 {
		t.Errorf("exit code %d, want %d and both scenarios interrupted:\n%s", code, ExitFailed, out.String())
	}
	if diff := cmp.Diff(before, traces(t)); diff != "" {
		t.Errorf("left behind (-before +after):\n%s", diff)
	}
}
