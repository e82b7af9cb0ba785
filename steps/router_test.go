package steps

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/nstest"
)

// What a sentence breaks is what godog.yml breaks by the fault of that kind.
func TestSentencesAndGodogYmlBreakTheSame(t *testing.T) {
	nstest.Need(t)
	s := &Suite{Config: quick(t, nil)}
	s.Config.Lab.Line = fault.Mbits(100, 100) // without, a buffer is refused
	l, err := lab.Start(s.Config.Lab)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.lab = l
	w := &world{suite: s}
	for i, k := range fault.Kinds {
		want := l.Conditions()
		var f fault.Fault
		switch do := w.router()[i].do.(type) {
		case func() error:
			f, err = k.With(nil), do()
		case func(int) error:
			f, err = k.With(3), do(3)
		case func(float64) error:
			f, err = k.With(2.5), do(2.5)
		case func(float64, float64) error:
			f, err = k.With(fault.Mbits(20, 5)), do(20, 5)
		case func(time.Duration) error:
			f, err = k.With(3*time.Second), do(3*time.Second)
		}
		if err != nil {
			t.Errorf("%s: %v", k.Sentence, err)
		}
		if err := f.Apply(&want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, l.Conditions()); diff != "" {
			t.Errorf("%s (-godog.yml +sentence):\n%s", k.Sentence, diff)
		}
		if err := s.heal(); err != nil {
			t.Errorf("heal after %q: %v", k.Sentence, err)
		}
	}
}

func TestAFaultEndsWithItsScenario(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	feature := `
Feature: f
  Scenario: broken
    Given the Internet is cut
    And the lab router isolates clients
    And ` + twoClients + `
    Then ` + internet + `

  Scenario: whole again
    Given ` + twoClients + `
    Then ` + internet + `
    And ` + reachable + `

  Scenario: broken and mended
    Given the lab router stops answering DHCP after 1 leases
    And ` + oneClient + `
    When the lab router works again
    And ` + oneClient + `
    Then ` + unique + `
`
	code, output := runSuite(t, &Suite{
		Config: quick(t, map[string]string{"ping.timeout": "5s"}),
		FS:     fstest.MapFS{"features/f.feature": {Data: []byte(feature)}},
	})
	if !failed(code) || !strings.Contains(output, "3 scenarios (2 passed, 1 failed)") {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	wire := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wire0"}, PeerName: "wire1"}
	if err := netlink.LinkAdd(wire); err != nil {
		t.Fatal(err)
	}
	defer netlink.LinkDel(wire)
	for _, name := range []string{"wire0", "wire1"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name     string
		settings map[string]string
		scenario []string
		want     string
	}{
		{"of a real router", map[string]string{"interface": "wire0"}, []string{`the lab router names no gateway`},
			"only the lab's router does wrong on purpose, and this run uses wire0 (set interface to lab)"},
		{"a reboot of a real router", map[string]string{"interface": "wire0"}, []string{`the lab router reboots`},
			"only the lab's router does wrong on purpose, and this run uses wire0 (set interface to lab)"},
		{"more addresses than there are", map[string]string{"lab.subnet": "10.77.0.0/24"}, []string{`the lab router hands out 300 addresses`},
			"fault pool 300: only 245 addresses fit in 10.77.0.0/24"},
		{"isolation too late", nil, []string{oneClient, `the lab router isolates clients`},
			"how clients are attached decides whom they reach, so isolate them before they are created"},
		{"of dnsmasq", map[string]string{"lab.server": "dnsmasq"}, []string{`the lab router refuses every REQUEST`},
			"fault nak: dnsmasq cannot do that, set lab.server to builtin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := exec.LookPath("dnsmasq"); err != nil && tt.settings["lab.server"] == "dnsmasq" {
				t.Skip("needs dnsmasq: install it (apt install dnsmasq-base)")
			}
			code, output := runFeature(t, quick(t, tt.settings), "", tt.scenario...)
			if code != ExitNotRunnable || !strings.Contains(output, "Error: "+tt.want+"\n") {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, ExitNotRunnable, tt.want, output)
			}
		})
	}
}

func TestIsolatedClientsStillReachTheInternet(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	code, output := runFeature(t, quick(t, map[string]string{"lab.faults": "isolation", "ping.timeout": "5s"}), "", twoClients, router, internet)
	if code != ExitPassed {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}
