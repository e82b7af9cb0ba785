package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lanstorm/lanstorm/internal/fault"
	"github.com/lanstorm/lanstorm/internal/lab"
)

// Set parses and checks value as the file would and stores it under key, such
// as "ping.interval". List items are separated by commas. On error c is
// unchanged. A pool left at its default follows lab.subnet; to change both, set
// lab.subnet first.
func (c *Config) Set(key, value string) error {
	k, ok := lookup(key)
	if !ok {
		return fmt.Errorf("%s: %w", printable(key), unknownKey(key))
	}
	next := *c
	if next.Lab.Pool == min(defaultPool, lab.Room(next.Lab.Subnet)) {
		next.Lab.Pool = defaultPool
	}
	err := k.set(&next, value)
	if err == nil {
		err = next.fit()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	next.Origin = map[string]string{}
	maps.Copy(next.Origin, c.Origin)
	next.Origin[key] = "command line"
	*c = next
	return nil
}

// Setting is a key with its value, as Set would take it, and where that was given.
type Setting struct{ Key, Value, From string }

// Settings lists every key in the order of the reference file.
func (c *Config) Settings() []Setting {
	list := make([]Setting, len(keys))
	for i, k := range keys {
		list[i] = Setting{k.path, k.text(c), cmp.Or(c.Origin[k.path], "default")}
	}
	return list
}

// Setting is the value of a key, as Set would take it.
func (c *Config) Setting(path string) string {
	k, _ := lookup(path)
	return k.text(c)
}

// SetFlags sets keys, by flag, to what was given on the command line.
func (c *Config) SetFlags(flags *pflag.FlagSet, keys map[string]string) error {
	for flag, key := range keys {
		if f := flags.Lookup(flag); f.Changed {
			if err := c.Set(key, f.Value.String()); err != nil {
				return fmt.Errorf("--%s: %w", flag, err)
			}
		}
	}
	return nil
}

// key ties a path to a field of Config.
type key struct {
	path  string
	list  bool
	pairs bool                               // the file has keys of the user's own below it
	set   func(c *Config, text string) error // leaves c alone on error
	text  func(c *Config) string             // what set would read back
}

// keys is the only list of what can be configured.
var keys = []key{
	bind("interface", func(c *Config) *string { return &c.Interface }, interfaceName),
	bind("clients.prefix", func(c *Config) *string { return &c.Clients.Prefix }, namespacePrefix),
	bind("clients.topology", func(c *Config) *string { return &c.Clients.Topology }, oneOf("wired")),
	bind("clients.macvlan_mode", func(c *Config) *string { return &c.Clients.MacvlanMode }, oneOf("bridge", "private", "vepa")),
	bind("ip_family", func(c *Config) *string { return &c.IPFamily }, oneOf("ipv4", "ipv6", "dual")),
	bind("dhcp.timeout", func(c *Config) *time.Duration { return &c.DHCP.Timeout }, duration(time.Second, 5*time.Minute)),
	bind("dhcp.in_flight", func(c *Config) *int { return &c.DHCP.InFlight }, integer(0, 65535)),
	bind("dhcp.conflict_detection", func(c *Config) *bool { return &c.DHCP.ConflictDetection }, boolean),
	bind("dhcp.vendor_class", func(c *Config) *string { return &c.DHCP.VendorClass }, vendorClass),
	bindList("dns", func(c *Config) *[]netip.Addr { return &c.DNS }, ipv4),
	bind("ping.duration", func(c *Config) *time.Duration { return &c.Ping.Duration }, duration(time.Millisecond, 24*time.Hour)),
	bind("ping.count", func(c *Config) *int { return &c.Ping.Count }, integer(0, 1_000_000)),
	bind("ping.interval", func(c *Config) *time.Duration { return &c.Ping.Interval }, duration(10*time.Millisecond, time.Minute)),
	bind("ping.timeout", func(c *Config) *time.Duration { return &c.Ping.Timeout }, duration(time.Millisecond, time.Minute)),
	bind("ping.max_loss", func(c *Config) *float64 { return &c.Ping.MaxLoss }, percent),
	bind("ping.min_answered", func(c *Config) *float64 { return &c.Ping.MinAnswered }, percent),
	bind("ping.internet_rate", func(c *Config) *int { return &c.Ping.InternetRate }, integer(1, 1_000_000)),
	bind("targets.router", func(c *Config) *netip.Addr { return &c.Targets.Router }, orAuto(ipv4)),
	bind("targets.google_dns", func(c *Config) *netip.Addr { return &c.Targets.GoogleDNS }, ipv4),
	bind("targets.router_ipv6", func(c *Config) *netip.Addr { return &c.Targets.Router6 }, orAuto(ipv6)),
	bind("targets.google_dns_ipv6", func(c *Config) *netip.Addr { return &c.Targets.GoogleDNS6 }, ipv6),
	bind("targets.control", func(c *Config) *string { return &c.Targets.Control }, orNone(interfaceName)),
	bind("download.url", func(c *Config) *string { return &c.Download.URL }, orNone(webAddress)),
	bind("download.timeout", func(c *Config) *time.Duration { return &c.Download.Timeout }, duration(time.Second, 24*time.Hour)),
	bind("download.connections", func(c *Config) *int { return &c.Download.Connections }, integer(1, 64)),
	bind("download.verify", func(c *Config) *string { return &c.Download.Verify }, oneOf("length", "hash")),
	bind("upload.url", func(c *Config) *string { return &c.Upload.URL }, orNone(webAddress)),
	bindList("video.urls", func(c *Config) *[]string { return &c.Video.URLs }, webAddress),
	bind("video.duration", func(c *Config) *time.Duration { return &c.Video.Duration }, duration(time.Second, 24*time.Hour)),
	bind("video.startup", func(c *Config) *time.Duration { return &c.Video.Startup }, duration(100*time.Millisecond, 5*time.Minute)),
	bind("video.max_stall", func(c *Config) *float64 { return &c.Video.MaxStall }, percent),
	bind("video.command", func(c *Config) *string { return &c.Video.Command }, command),
	bind("stress.seed", func(c *Config) *int { return &c.Stress.Seed }, integer(0, 1<<31-1)),
	bind("lab.subnet", func(c *Config) *netip.Prefix { return &c.Lab.Subnet }, subnet(8, 28)),
	bind("lab.pool", func(c *Config) *int { return &c.Lab.Pool }, integer(1, 1<<24)),
	bind("lab.lease_time", func(c *Config) *time.Duration { return &c.Lab.LeaseTime }, duration(10*time.Second, 8760*time.Hour)),
	bind("lab.server", func(c *Config) *lab.Server { return &c.Lab.Server }, oneOf(lab.Servers...)),
	bind("lab.ipv6", func(c *Config) *lab.IPv6 { return &c.Lab.IPv6 }, oneOf(lab.IPv6s...)),
	bind("lab.ping_check", func(c *Config) *bool { return &c.Lab.PingCheck }, boolean),
	bind("lab.line", func(c *Config) *fault.Line { return &c.Lab.Line }, orNone[fault.Line](fault.ParseLine)),
	bind("lab.buffer", func(c *Config) *time.Duration { return &c.Lab.Buffer }, duration(time.Millisecond, 10*time.Second)),
	bindList("lab.faults", func(c *Config) *[]fault.Fault { return &c.Lab.Faults }, faults),
	bind("router.name", func(c *Config) *string { return &c.Router.Name }, label),
	bind("router.firmware", func(c *Config) *string { return &c.Router.Firmware }, label),
	bind("router.before", func(c *Config) *string { return &c.Router.Before }, shellLine),
	bind("router.after", func(c *Config) *string { return &c.Router.After }, shellLine),
	bind("results.dir", func(c *Config) *string { return &c.Results.Dir }, folder),
	bind("results.keep", func(c *Config) *int { return &c.Results.Keep }, integer(1, 100_000)),
	bind("results.capture", func(c *Config) *string { return &c.Results.Capture }, oneOf("always", "on-failure", "never")),
	bind("run.name", func(c *Config) *string { return &c.Run.Name }, regularExpression),
	bind("run.failed", func(c *Config) *bool { return &c.Run.Failed }, boolean),
	bind("run.repeat", func(c *Config) *int { return &c.Run.Repeat }, integer(1, 10_000)),
	bind("run.keep", func(c *Config) *bool { return &c.Run.Keep }, boolean),
	bind("run.stop_on_failure", func(c *Config) *bool { return &c.Run.StopOnFailure }, boolean),
	bind("run.force", func(c *Config) *bool { return &c.Run.Force }, boolean),
	bindList("run.labels", func(c *Config) *[]string { return &c.Run.Labels }, keyValue),
	bind("run.no_colors", func(c *Config) *bool { return &c.Run.NoColors }, boolean),
	bindPairs("known", func(c *Config) *map[string]string { return &c.Known }),
	bind("godog.tags", func(c *Config) *string { return &c.Godog.Tags }, tagExpression),
	bind("godog.format", func(c *Config) *string { return &c.Godog.Format }, formats),
}

func bind[T any](path string, field func(*Config) *T, k kind[T]) key {
	return key{
		path: path,
		set: func(c *Config, text string) error {
			v, err := k(text)
			if err == nil {
				*field(c) = v
			}
			return err
		},
		text: func(c *Config) string { return written(*field(c)) },
	}
}

func bindList[T any](path string, field func(*Config) *[]T, item kind[T]) key {
	k := bind(path, field, listOf(item))
	k.list = true
	k.text = func(c *Config) string {
		var texts []string
		for _, v := range *field(c) {
			texts = append(texts, written(v))
		}
		return strings.Join(texts, ",")
	}
	return k
}

// bindPairs binds a map, which is a JSON object in variables and wherever else it
// must be one text.
func bindPairs(path string, field func(*Config) *map[string]string) key {
	k := bind(path, field, pairs)
	k.pairs = true
	k.text = func(c *Config) string {
		if len(*field(c)) == 0 {
			return ""
		}
		text, _ := json.Marshal(*field(c)) // of texts, so it cannot fail
		return string(text)
	}
	return k
}

func lookup(path string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.path == path })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// isSection reports whether path is the first part of some key.
func isSection(path string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.path, path+".") })
}
