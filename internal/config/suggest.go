package config

import (
	"errors"
	"fmt"
	"strings"
)

// unknownKey says that neither a key nor a section is called path, and which
// of them almost is.
func unknownKey(path string) error {
	if isSection(path) {
		return errors.New("a section, not a key")
	}
	if path == "clients.concurrency" { // until dhcp.in_flight took its place
		return errors.New("there is no such key any more: see dhcp.in_flight")
	}
	if now, ok := inBehave[strings.ToLower(path)]; ok {
		return fmt.Errorf("no such key here: see %s", now)
	}
	var names []string
	for _, k := range keys {
		section, _, _ := strings.Cut(k.path, ".")
		names = append(names, section, k.path)
	}
	return didYouMean(path, names)
}

// inBehave is where the settings of Behave suites went (docs/from-behave.md).
var inBehave = map[string]string{
	"router_ip": "targets.router", "router_ipv4": "targets.router", "router_ipv6": "targets.router_ipv6",
	"ping_duration": "ping.duration", "download_url": "download.url", "download_timeout": "download.timeout",
	"video_ids": "video.urls", "video_duration": "video.duration", "namespace_prefix": "clients.prefix", "dns_servers": "dns",
	"client_count": "docs/from-behave.md: the number stands in the sentence", "log_level": "docs/from-behave.md: all is written down always",
}

// unknownEnv is [unknownKey] for an environment variable.
func unknownEnv(name string) error {
	var names []string
	for _, k := range keys {
		names = append(names, envName(k.path))
	}
	return didYouMean(name, names)
}

// didYouMean names the first of names that is like name.
func didYouMean(name string, names []string) error {
	for _, n := range names {
		if Alike(name, n) {
			return fmt.Errorf("unknown key (did you mean %s?)", n)
		}
	}
	return errors.New("unknown key")
}

// Alike reports whether name differs from known in one place, by two letters at most.
func Alike(name, known string) bool {
	a, b := strings.ToLower(name), strings.ToLower(known)
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return max(len(a), len(b)) <= min(2, len(known)/2)
}
