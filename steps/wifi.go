package steps

import (
	"path/filepath"
	"regexp"

	messages "github.com/cucumber/messages/go/v21"
)

// wifi is the sentences about a radio client that suites had beside the wired ones.
// They are known so that their scenarios can be skipped, and are never done.
func (w *world) wifi() []sentence {
	const skips = "a scenario that says so is skipped: virtual clients hang on a wire"
	var list []sentence
	for _, text := range []string{
		`WiFi radio is on`, `WiFi radio should be off`, `I turn off WiFi radio`, `I connect to WiFi`, `WiFi should be connected`,
		`the config file should only have one network block`, `I should have IPv4 address`, `I should have IPv6 address`, `I can ping internet`,
	} {
		list = append(list, sentence{text, skips, func() error { return refuse("%s", needsRadio()) }})
	}
	return append(list, sentence{`all clients attempt to ping WiFi Client <IPV4>`, skips, func(string) error { return refuse("%s", needsRadio()) }})
}

var wifiPattern = regexp.MustCompile(`(?i)\bwi-?fi\b`)

// aboutWifi reports whether text is one of [world.wifi], or speaks of Wi-Fi in other
// words.
func aboutWifi(text string) bool {
	for _, s := range (*world)(nil).wifi() {
		if s.pattern().MatchString(text) {
			return true
		}
	}
	return wifiPattern.MatchString(text)
}

func needsRadio() string {
	const needs = "needs a Wi-Fi client, and virtual clients hang on a wire: "
	if radios, _ := filepath.Glob("/sys/class/net/*/phy80211"); len(radios) > 0 {
		return needs + "lanstorm leaves this machine's radio alone"
	}
	return needs + "this machine has no radio"
}

var (
	ipv6Pattern = regexp.MustCompile(`(?i)\b(ip|dhcp)v6\b`)
	namePattern = regexp.MustCompile(`"[^"]{5,}"`)   // no "IPV6"
	ipv4Pattern = regexp.MustCompile(`(?i)\bipv4\b`) // "IPv4 or IPv6": whichever clients speak
)

// impossible says what of a scenario cannot run here, a tag, Wi-Fi or IPv6, and why, by
// [Suite.elsewhere]; why is empty when it can.
func impossible(p *messages.Pickle, elsewhere map[string]string) (what, why string) {
	for _, t := range p.Tags {
		if why = elsewhere[t.Name]; why != "" {
			return t.Name, why
		}
	}
	for _, step := range p.Steps {
		if aboutWifi(step.Text) {
			return "Wi-Fi", needsRadio()
		}
		text := namePattern.ReplaceAllString(step.Text, "")
		if why = elsewhere["@ipv6"]; why != "" && ipv6Pattern.MatchString(text) && !ipv4Pattern.MatchString(text) {
			return "IPv6", why
		}
	}
	return "", ""
}
