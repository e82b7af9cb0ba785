package steps

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cucumber/godog"
	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// A sentence that passes because there is nobody to look at is worth nothing.
func TestWithoutALeaseThereIsNothingToJudge(t *testing.T) {
	t.Parallel()
	for _, sentence := range []string{
		`all clients should keep their addresses for 1 second`,
		`the router should renew all leases at T1`,
		`the router should renew all leases when asked`,
		`the router should rebind all leases at T2`,
		`all leases should end when nobody renews them`,
		`the router should confirm all addresses when clients reboot`,
		`the router should refuse addresses of other clients`,
		`no declined address should be given out again`,
		`the router should answer INFORM with options and no lease`,
		`no client should have the address of another host`,
		`only the router should answer DHCP`,
		`the router should follow the DHCP standard`,
		oneServer, valid,
		`all clients should have an address again within 1 second`,
	} {
		t.Run(sentence, func(t *testing.T) {
			if nstest.Apart(t) {
				return
			}
			c := quick(t, map[string]string{"lab.faults": "silent-dhcp", "dhcp.timeout": "1s"})
			code, output := runFeature(t, c, "", `3 clients ask for an address`, sentence)
			if code == ExitPassed || strings.Contains(output, "panic") {
				t.Errorf("exit code %d:\n%s", code, output)
			}
		})
	}
}

func TestClientsMadeAfterAnEventMustHaveAnAddressToo(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	code, output := runFeature(t, quick(t, map[string]string{"lab.faults": "pool 1"}), "",
		oneClient, `all clients reboot`, `one more client asks for an address`, `all clients should have an address again within 3 seconds`)
	shows(t, output, `1 of 2 clients have no address again after the clients rebooted: ns2: no OFFER in `)
	if !failed(code) {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func TestALossOfTheInterfaceIsTheTesters(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	s := featureSuite(quick(t, nil), "", twoClients, "the interface vanishes", `all clients should keep their addresses for 1 second`)
	s.extra = vanishing(t)
	code, output := runSuite(t, s)
	shows(t, output, `Error: the interface lab0 vanished at \d+\.\d s; nothing can be judged\n      tester: without its interface nothing can be said of the router: inconclusive\n`)
	shows(t, output, `not given back: 2 leases; the router keeps what it has until it ends\n`)
	if code != ExitInconclusive {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

func vanishing(t *testing.T) func(*godog.ScenarioContext, *world) {
	return func(sc *godog.ScenarioContext, w *world) {
		sc.Step("^the interface vanishes$", func() error {
			link, err := netlink.LinkByName(w.suite.parent)
			if err != nil {
				return err
			}
			return netlink.LinkDel(link)
		})
	}
}

func TestALossOfTheInterfaceStaysTheTestersInLaterScenarios(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	feature := "Feature: f\n  Scenario: a\n    * " + twoClients + "\n    * the interface vanishes\n    * " + pingRouter + "\n    * " + responded +
		"\n  Scenario: b\n    * " + twoClients + "\n"
	code, output := runSuite(t, &Suite{
		Config: quick(t, nil), FS: fstest.MapFS{"features/f.feature": {Data: []byte(feature)}}, extra: vanishing(t),
	})
	shows(t, output, `inconclusive: 2 scenarios may have failed`)
	if code != ExitInconclusive {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}

// Whoever is created then cannot know.
func TestACarrierLostWhileClientsAreCreatedIsToldFirst(t *testing.T) {
	if nstest.Apart(t) {
		return
	}
	c := quick(t, map[string]string{"dhcp.timeout": "2s"})
	s := featureSuite(c, "", twoClients, "the router's port is dead", oneClient)
	s.extra = func(sc *godog.ScenarioContext, w *world) {
		sc.Step("^the router's port is dead$", func() error {
			return exec.Command("nsenter", "--net=/run/netns/"+w.suite.parent+"-router", "ip", "link", "set", "lan", "down").Run()
		})
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip (apt install iproute2)")
	}
	code, output := runSuite(t, s)
	shows(t, output, `Error: lab0 lost its carrier at \d+\.\d s, and has none yet \(the router's port or the cable\); 1 of 1 clients failed`)
	if !failed(code) {
		t.Errorf("exit code %d:\n%s", code, output)
	}
}
