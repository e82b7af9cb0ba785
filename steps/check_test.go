package steps

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lanstorm/lanstorm/internal/config"
)

// checked is what Check says of a file with this text, without the file's name.
func checked(t *testing.T, c config.Config, text string) (said []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f.feature")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := Suite{Config: c, Paths: []string{file}}
	all, err := s.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all.Mistakes {
		said = append(said, strings.TrimPrefix(m.String(), file+":"))
	}
	return said
}

// What testdata/cli/check.txtar of cmd/lanstorm leaves out.
func TestWhatCheckSaysOfAFile(t *testing.T) {
	const step = "    * I initialize the Network Manager\n"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"all is well", "@evening @ipv4 @smoke2\nFeature: f\n  Scenario: s\n" + step, nil},
		{"tags of an outline in a rule", "Feature: f\n  @smoek\n  Rule: r\n    @lba\n    Scenario Outline: s\n" + step + "      @hardwear\n      Examples:\n        | n |\n        | 1 |\n",
			[]string{"2:3: no such tag: @smoek -> did you mean @smoke?", "4:5: no such tag: @lba -> did you mean @lab?", "7:7: no such tag: @hardwear -> did you mean @hardware?"}},
		{"a mistake in the background once", "Feature: f\n  Background:\n    * dance\n  Scenario: s\n" + step + "  Scenario: t\n" + step,
			[]string{"3:5: no such sentence: \"dance\" -> `lanstorm steps` lists those there are"}},
		{"no end of a text", "Feature: f\n  Scenario: s\n    * dance\n      \"\"\"\n",
			[]string{`5:1: not Gherkin: unexpected end of file, expected: #DocStringSeparator, #Other -> end the text with """, or the tags with a scenario`}},
		{"a language that nobody speaks", "# language: xx\nFeature: f\n  Scenario: s\n" + step,
			[]string{"1:1: not Gherkin: Language not supported: xx -> take a language of https://cucumber.io/docs/gherkin/languages, or this line away"}},
		{"no feature", "Scenario: s\n" + step, []string{"1:1: not Gherkin: Scenario: s -> a file begins with Feature: and its name, after tags and comments"}},
		{"a table of nobody", "Feature: f\n  Scenario: s\n    * the clients keep doing this\n      | clients | doing |\n      | 0 | idle |\n",
			[]string{`3:5: "the clients keep doing this": "0" clients: ask for at least 1 -> | clients | doing | above rows such as | 10 | downloading |`}},
		{"a scenario and a step that are none", "Feature: f\n  Scenario first\n  given I initialize the Network Manager\n  Scenario: s\n    Givn\tI initialize the Network Manager\n" + step,
			[]string{`2:3: a description, which nobody runs: "Scenario first" -> write it with a colon, such as Background: or Scenario:`,
				`3:3: a description, which nobody runs: "given I initialize the Network Manager" -> begin it with Given, When, Then, And or But and a space, below a Scenario:`,
				`5:5: a description, which nobody runs: "Givn\tI initialize the Network Manager" -> begin it with Given, When, Then, And or But and a space, below a Scenario:`}},
		{"a description that is one", "Feature: f\n  Background noise: when clients ask, they get.\n  Scenario names follow the plan.\n  - each client should have a global IPv6 address\n  example\n\n  Scenario: s\n    Names and all are well:\n" + step, nil},
		{"a mark of Windows", "\ufeffFeature: f\n  Scenario: s\n" + step, []string{"1:1: not Gherkin: a byte order mark (BOM) -> save it as UTF-8 without one"}},
		{"values that nobody can have", "Feature: f\n  Scenario: s\n    * I create -5 virtual clients using macvlan\n    * no client should lose more than 101% of its pings\n    * the 950th percentile latency to the router should be under 30 Seconds\n    * each client should fetch \"example.test\"\n",
			[]string{`3:5: "I create -5 virtual clients using macvlan": -5 is less than nothing`, `4:5: "no client should lose more than 101% of its pings": 101 is more than 100 -> write a smaller one`,
				`5:5: "the 950th percentile latency to the router should be under 30 Seconds": 950 is more than 100 -> write a smaller one`,
				`6:5: "each client should fetch \"example.test\"": "example.test" is no URL: it begins with http:// or https:// and the name of a host`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, checked(t, config.Default(), tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestScenariosAboutIPv6AreLeftOutWithoutIt(t *testing.T) {
	c := config.Default()
	c.IPFamily = "ipv4"
	s := Suite{Config: c, Paths: []string{"f"}, FS: fstest.MapFS{"f/f.feature": {Data: []byte(
		"Feature: f\n  Scenario: six\n    Given I create 1 client connected to the router\n    When all clients attempt to ping Google DNS \"ipv6\"\n" +
			"  Scenario: either\n    Given I create 1 client connected to the router\n    Then no two clients should receive duplicate IP addresses (IPv4 or IPv6)\n")}}}
	chosen, err := s.choose()
	if err != nil || len(chosen.scenarios) != 1 || chosen.scenarios[0].Name != "either" {
		t.Errorf("to be run: %v, %v", chosen.scenarios, err)
	}
	if len(chosen.skipped) != 1 || !strings.HasPrefix(chosen.skipped[0].Reason, "needs IPv6, and clients speak IPv4 only") {
		t.Errorf("skipped: %v", chosen.skipped)
	}
}

func TestScenariosAboutWifiAreLeftOut(t *testing.T) {
	s := Suite{Config: config.Default(), Paths: []string{"f"}, FS: fstest.MapFS{"f/f.feature": {Data: []byte(
		"Feature: f\n  Scenario: radio\n    Given WiFi radio is on\n    Then I can ping internet\n  Scenario: address\n    Then I should have IPv4 address\n" +
			"  Scenario: wired\n    Given I create 1 client connected to the router\n")}}}
	c, err := s.choose()
	if err != nil || len(c.scenarios) != 1 || c.scenarios[0].Name != "wired" {
		t.Errorf("to be run: %v, %v", c.scenarios, err)
	}
	if len(c.skipped) != 2 || !strings.HasPrefix(c.skipped[1].Reason, "needs a Wi-Fi client, and virtual clients hang on a wire: ") {
		t.Errorf("skipped: %v", c.skipped)
	}
}
