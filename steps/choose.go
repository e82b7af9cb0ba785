package steps

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	messages "github.com/cucumber/messages/go/v21"

	"github.com/lanstorm/lanstorm/internal/config"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/record"
)

// choice is which scenarios a run is about.
type choice struct {
	features  []godog.Feature   // for godog: nothing but what is to be run, as often as it is to
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
		needsHardware = "needs a real router, and this run uses the lab (set interface, or have it run in the lab with --force or run.force)"
		needsBuiltin  = "needs the lab's own DHCP server, and this run uses %s (set lab.server to builtin)"
		needsShort    = "needs leases of less than two minutes, which dnsmasq does not give (set lab.server to another)"
		needsIPv6     = "needs IPv6, and clients speak IPv4 only (set ip_family to dual)"
		needsURL      = "needs %s in godog.yml, which is empty"
		needsLimits   = "needs more neighbours than the kernel allows, and in a network namespace of its own this run cannot raise the limit"
	)
	reasons := map[string]string{}
	if s.inLab() {
		if !s.Config.Run.Force {
			reasons["@hardware"] = needsHardware
		}
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

// choose reads the features and finds the scenarios that were asked for. It is an
// error when none is left: a run of nothing would pass.
func (s *Suite) choose() (choice, error) {
	want, what, err := s.wanted()
	if err != nil {
		return choice{}, err
	}
	features, err := s.retrieve()
	if err != nil {
		return s.unreadable(err)
	}
	elsewhere := s.elsewhere()
	where := strings.Join(s.Paths, ", ")
	if _, inside := s.FS.(embed.FS); inside {
		where = "the features inside this program"
	}
	selected := 0
	var c choice
	for _, f := range features {
		before := selected
		for _, p := range f.pickles {
			if !f.chosen[p.Id] || !want(f, p) {
				delete(f.chosen, p.Id)
				continue
			}
			selected++
			scenario := record.Scenario{Feature: f.name, Name: p.Name, Location: f.location(p)}
			if what, why := impossible(p, elsewhere); why != "" {
				scenario.Verdict, scenario.Reason = record.Skipped, why
				c.skipped = append(c.skipped, scenario)
				c.notes = append(c.notes, fmt.Sprintf("skipped: %s: %q (%s) %s", scenario.Location, p.Name, what, why))
				delete(f.chosen, p.Id)
			} else {
				c.scenarios = append(c.scenarios, scenario)
			}
			if len(p.Steps) == 0 {
				c.wrong = append(c.wrong, withRemedy(fmt.Sprintf("%s: %q has no steps", scenario.Location, p.Name), noSteps))
			}
			for _, step := range p.Steps {
				finding, remedy := wrongWith(step)
				wrong := location(f.uri, f.nodes[step.AstNodeIds[0]].line) + ": " + withRemedy(finding, remedy)
				if finding != "" && !slices.Contains(c.wrong, wrong) && s.extra == nil {
					c.wrong = append(c.wrong, wrong)
				}
			}
		}
		for _, l := range f.lost {
			if selected > before && s.extra == nil {
				c.wrong = append(c.wrong, location(f.uri, l.at.Line)+": "+withRemedy(l.finding, l.remedy))
			}
		}
	}
	switch {
	case c.wrong != nil:
		return c, errWrong
	case selected == 0 && what != "":
		return c, fmt.Errorf("%s no scenario of %s", what, where)
	case selected == 0:
		return c, fmt.Errorf("no scenario in %s: name a .feature file, a folder of them, or file:line of what is in a scenario", where)
	case selected == len(c.skipped):
		return c, fmt.Errorf("nothing to run: of %s selected, %q %s", measure.Times(selected, "scenario"), c.skipped[0].Name, c.skipped[0].Reason)
	}
	for _, f := range features {
		if len(f.chosen) > 0 {
			c.features = append(c.features, godog.Feature{Name: f.uri, Contents: f.left()})
		}
	}
	for round, once := 2, c.features; round <= s.Config.Run.Repeat; round++ {
		for _, f := range once { // of one name, godog would run but the first
			c.features = append(c.features, godog.Feature{Name: fmt.Sprintf("%s:round %d", f.Name, round), Contents: f.Contents})
		}
	}
	c.scenarios = slices.Repeat(c.scenarios, s.Config.Run.Repeat)
	return c, nil
}

// unreadable says why features could not be read, in the words of Check if it finds that.
func (s *Suite) unreadable(err error) (c choice, _ error) {
	if checked, failed := s.Check(); failed == nil {
		for _, m := range checked.Mistakes {
			if strings.HasPrefix(m.Finding, notGherkin) {
				c.wrong = append(c.wrong, m.String())
			}
		}
	}
	if c.wrong != nil {
		err = errWrong
	}
	return c, err
}

var errWrong = errors.New("nothing was run: of what is wrong above, `lanstorm check` tells all")

// wanted tells which scenarios are asked for by tags, name and the newest run, and
// in words what asks for them, such as "tags @smoke select".
func (s *Suite) wanted() (want func(*feature, *messages.Pickle) bool, what string, err error) {
	tags, err := config.ParseTags(s.Config.Godog.Tags)
	name, errName := regexp.Compile(s.Config.Run.Name)
	if err := errors.Join(err, errName); err != nil {
		return nil, "", err
	}
	var by []string
	if s.Config.Godog.Tags != "" {
		by = append(by, fmt.Sprintf("tags %q", s.Config.Godog.Tags))
	}
	if s.Config.Run.Name != "" {
		by = append(by, fmt.Sprintf("name %q", s.Config.Run.Name))
	}
	failed := func(*feature, *messages.Pickle) bool { return true }
	if s.Config.Run.Failed {
		var run string
		if failed, run, err = s.failedBefore(); err != nil {
			return nil, "", err
		}
		by = append(by, "what failed in "+run)
	}
	if by != nil {
		what = strings.Join(by, " and ") + " select"
	}
	return func(f *feature, p *messages.Pickle) bool {
		names := make([]string, len(p.Tags))
		for i, t := range p.Tags {
			names[i] = t.Name
		}
		return tags(names) && name.MatchString(p.Name) && failed(f, p)
	}, what, nil
}

// failedBefore tells which scenarios failed, or were inconclusive, in the newest run.
// Without Paths, they are looked for in its files. Where a file was edited since, its
// scenarios are found by their names.
func (s *Suite) failedBefore() (failed func(*feature, *messages.Pickle) bool, dir string, err error) {
	dir = filepath.Join(s.Config.Results.Dir, "latest")
	run, err := record.Read(dir)
	if err != nil {
		return nil, "", fmt.Errorf("--failed (run.failed) is of the newest run, and none can be read in %s: %w", dir, err)
	}
	bad := slices.DeleteFunc(run.Scenarios, func(sc record.Scenario) bool {
		return sc.Verdict != record.Failed && sc.Verdict != record.Inconclusive
	})
	if len(bad) == 0 {
		return nil, "", fmt.Errorf("nothing to run: no scenario failed in %s", dir)
	}
	if len(s.Paths) == 0 {
		for _, sc := range bad {
			s.Paths = append(s.Paths, sc.File())
		}
	}
	return func(f *feature, p *messages.Pickle) bool {
		at := f.location(p)
		return slices.ContainsFunc(bad, func(sc record.Scenario) bool {
			same := func(p *messages.Pickle) bool { return record.Clean(p.Name) == sc.Name && f.location(p) == sc.Location }
			return sc.File() == f.uri && sc.Name == record.Clean(p.Name) && (sc.Location == at || !slices.ContainsFunc(f.pickles, same))
		})
	}, dir, nil
}

// location is file:line. The uri of a repeated feature has its round behind the file.
func location(uri string, line int64) string {
	file, _, _ := strings.Cut(uri, ":")
	return fmt.Sprintf("%s:%d", file, line)
}

// oneLine folds the lines of an error, of which the Gherkin parser's has many.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
