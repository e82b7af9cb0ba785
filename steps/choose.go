package steps

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cucumber/godog"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/record"
)

// choice is which scenarios a run is about.
type choice struct {
	tags      string            // for godog
	scenarios []record.Scenario // to be run, in their order
	skipped   []record.Scenario // selected by the user, but not possible here
	notes     []string          // what the user should know beforehand
	wrong     []string          // why none of them can be run: sentences, each with its place
}

// elsewhere tells, by their tags, which scenarios cannot run against this
// router or on this machine, and why.
func (s *Suite) elsewhere() map[string]string {
	const (
		needsLab      = "needs the lab, and this run uses %s (set interface to lab)"
		needsHardware = "needs a real router, and this run uses the lab (set interface)"
		needsBuiltin  = "needs the lab's own DHCP server, and this run uses %s (set lab.server to builtin)"
		needsShort    = "needs leases of less than two minutes, which dnsmasq does not give (set lab.server to another)"
		needsIPv6     = "needs IPv6, and clients speak IPv4 only (set ip_family to dual)"
		needsURL      = "needs %s in godog.yml, which is empty"
		needsLimits   = "needs more neighbours than the kernel allows, and in a network namespace of its own this run cannot raise the limit"
	)
	reasons := map[string]string{}
	if s.inLab() {
		reasons["@hardware"] = needsHardware
		if s.Config.Lab.Server != lab.Builtin {
			reasons["@builtin"] = fmt.Sprintf(needsBuiltin, s.Config.Lab.Server)
		}
		if s.Config.Lab.Server == lab.Dnsmasq {
			reasons["@short-leases"] = needsShort
		}
	} else {
		reasons["@lab"] = fmt.Sprintf(needsLab, s.Config.Interface)
		reasons["@builtin"] = reasons["@lab"]
	}
	if ca, _ := lab.CAOf(s.Config.Interface); ca == nil && !s.inLab() {
		for tag, key := range map[string]string{"@download": "download.url", "@upload": "upload.url", "@video": "video.urls"} {
			if value := s.Config.Setting(key); value == "" {
				reasons[tag] = fmt.Sprintf(needsURL, key)
			}
		}
	}
	if s.Config.IPFamily == "ipv4" {
		reasons["@ipv6"] = needsIPv6
	}
	if _, err := os.Stat("/proc/sys/net/ipv4/neigh/default/gc_thresh3"); err != nil {
		reasons["@thousand"] = needsLimits
	}
	return reasons
}

// choose reads the features and finds the scenarios that the tags select. It
// is an error when none is left: a run of nothing would pass.
func (s *Suite) choose() (choice, error) {
	tags := s.Config.Godog.Tags
	if err := config.CheckTags(tags); err != nil {
		return choice{}, err
	}
	elsewhere := s.elsewhere()
	excluded := slices.Sorted(maps.Keys(elsewhere))
	c := choice{tags: "~" + strings.Join(excluded, " && ~")}
	if tags != "" {
		c.tags = tags + " && " + c.tags
	}
	options := &godog.Options{Paths: s.Paths, FS: s.FS, Tags: tags}
	features, err := godog.TestSuite{Options: options}.RetrieveFeatures()
	if err != nil {
		return choice{}, errors.New(oneLine(err))
	}
	where := strings.Join(s.Paths, ", ")
	if s.FS != nil {
		where = "the features inside this program"
	}
	selected := 0
	for _, f := range features {
		for _, p := range f.Pickles {
			selected++
			scenario := record.Scenario{
				Feature: f.Feature.Name, Name: p.Name, Location: location(f.Uri, f.FindScenario(p.AstNodeIds[0]).Location.Line),
			}
			what, why := impossible(p, elsewhere)
			if why != "" {
				scenario.Verdict, scenario.Reason = record.Skipped, why
				c.skipped = append(c.skipped, scenario)
				c.notes = append(c.notes, fmt.Sprintf("skipped: %s: %q (%s) %s", f.Uri, p.Name, what, why))
			} else {
				c.scenarios = append(c.scenarios, scenario)
			}
			if len(p.Steps) == 0 {
				c.wrong = append(c.wrong, withRemedy(fmt.Sprintf("%s: %q has no steps", scenario.Location, p.Name), noSteps))
			}
			for _, step := range p.Steps {
				finding, remedy := wrongWith(step)
				wrong := location(f.Uri, f.FindStep(step.AstNodeIds[0]).Location.Line) + ": " + withRemedy(finding, remedy)
				if finding != "" && !slices.Contains(c.wrong, wrong) && s.extra == nil {
					c.wrong = append(c.wrong, wrong)
				}
			}
		}
	}
	switch {
	case c.wrong != nil:
		return c, errors.New("nothing was run: of what is wrong above, `lanstorm check` tells all")
	case selected == 0 && tags != "":
		return c, fmt.Errorf("tags %q select no scenario of %s", tags, where)
	case selected == 0:
		return c, fmt.Errorf("no scenario in %s: name a .feature file, a folder of them, or file:line of a scenario", where)
	case selected == len(c.skipped):
		return c, fmt.Errorf("nothing to run: of the %d scenarios selected, %q %s", selected, c.skipped[0].Name, c.skipped[0].Reason)
	}
	return c, nil
}

// location is file:line. The uri of a scenario that was chosen by its line has the
// line already.
func location(uri string, line int64) string {
	file, _, _ := strings.Cut(uri, ":")
	return fmt.Sprintf("%s:%d", file, line)
}

// oneLine folds the lines of an error, of which the Gherkin parser's has many.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
