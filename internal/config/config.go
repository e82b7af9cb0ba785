// Package config reads godog.yml, the one configuration file that all ways to
// run lanstorm share, and the LANSTORM_ environment variables that override
// it. Every key, wherever it comes from, passes the same parser and the same
// checks, and every error is one line that begins with the place to mend.
package config

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// Config is a checked configuration. Its zero value is not usable: begin with
// [Default] or [Load].
type Config struct {
	File      string            // the file read, named as in errors; "" when none. Not a key
	Origin    map[string]string // by key: where its value was given; not there: the default. Not a key
	Interface string            // the network interface that the clients hang from
	Clients   Clients
	DHCP      DHCP
	IPFamily  string       // that clients speak: ipv4, ipv6 or dual
	DNS       []netip.Addr // IPv4; empty means those that the router names
	Ping      Ping
	Targets   Targets
	Download  Download
	Upload    Upload
	Video     Video
	Stress    Stress
	Lab       lab.Options
	Router    Router
	Results   Results
	Run       Run
	Known     map[string]string // by the name of a scenario that is known to fail, or file:name: the issue
	Godog     Godog
}

// Clients says how the virtual clients are built.
type Clients struct {
	Prefix      string // namespaces are called <Prefix><i>
	Topology    string // wired
	MacvlanMode string // bridge, private or vepa
}

// DHCP says how a client asks for its lease.
type DHCP struct {
	Timeout           time.Duration // until a client must have a lease
	InFlight          int           // how many clients ask at one time, at most; 0: all
	ConflictDetection bool          // an address is not used before it was asked for by ARP
	VendorClass       string        // option 60, printable ASCII
}

// Ping says how a client pings, and what still counts as a stable network.
type Ping struct {
	Duration    time.Duration // how long requests are sent
	Count       int           // above 0: this many requests, whatever Duration says
	Interval    time.Duration // between two requests
	Timeout     time.Duration // wait for replies after the last request
	MaxLoss     float64       // percent of a client's requests that may be lost
	MinAnswered float64       // percent of clients that must get an answer

	InternetRate int // requests per second beyond the router, of all clients together, at most
}

// Requests returns how many echo requests one client sends: Count, or as many
// intervals as fit in Duration, but at least 1.
func (p Ping) Requests() int {
	switch {
	case p.Count > 0:
		return p.Count
	case p.Interval <= 0:
		return 1
	default:
		return max(1, int(p.Duration/p.Interval))
	}
}

// Targets are the hosts that features call by a name.
type Targets struct {
	Router    netip.Addr // IPv4; the zero Addr means each client's own gateway
	GoogleDNS netip.Addr // IPv4

	Router6    netip.Addr // IPv6; the zero Addr means each client's own default router
	GoogleDNS6 netip.Addr // IPv6
	Control    string     // a link that is another way to the Internet; empty: there is none
}

// Download says what clients get, and how.
type Download struct {
	URL         string        // empty: the lab's, in the lab
	Timeout     time.Duration // until all of it must be there
	Connections int           // of each client, side by side
	Verify      string        // length or hash
}

// Upload says where clients send to.
type Upload struct {
	URL string // empty: the lab's, in the lab
}

// Video says what clients play, and what counts as well played.
type Video struct {
	URLs     []string // of HLS playlists, which clients take in turn; empty: the lab's, in the lab
	Duration time.Duration
	Startup  time.Duration // until it must play
	MaxStall float64       // percent of the time that it may stand still
	Command  string        // a program that plays in place of lanstorm; {url} is the URL
}

// Stress is about workloads at random.
type Stress struct {
	Seed int // of chance; 0: another for each run
}

// Router is what the device under test is called in results, and what is done to
// it around a run.
type Router struct {
	Name     string
	Firmware string
	Before   string // a line for the shell
	After    string // likewise
}

// Results says what a run leaves.
type Results struct {
	Dir     string // the folder in which each run makes its own
	Keep    int    // how many runs stay
	Capture string // of packets, as evidence: always, on-failure or never
}

// Run says which scenarios run, how often, and what becomes of those that fail.
type Run struct {
	Name          string // a regular expression; "" is any
	Failed        bool   // only those that failed in the newest run of the results
	Repeat        int
	Keep          bool // the clients of a failed scenario stand until somebody presses Enter
	StopOnFailure bool
	Force         bool     // scenarios for a real router run in the lab, too
	Labels        []string // each key=value
	NoColors      bool
}

// Godog holds what is passed on to the Gherkin runner.
type Godog struct {
	Tags   string // see [ParseTags]; "" runs every scenario
	Format string // comma separated, each name or name:file
}

const defaultPool = 10000

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Interface: "lab",
		Clients:   Clients{Prefix: "ns", Topology: "wired", MacvlanMode: "bridge"},
		DHCP:      DHCP{Timeout: time.Minute, ConflictDetection: true, VendorClass: "lanstorm"},
		Ping: Ping{
			Duration:    2 * time.Second,
			Interval:    500 * time.Millisecond,
			Timeout:     2 * time.Second,
			MinAnswered: 95,

			InternetRate: 100,
		},
		IPFamily: "dual",
		Targets:  Targets{GoogleDNS: netip.AddrFrom4([4]byte{8, 8, 8, 8}), GoogleDNS6: netip.MustParseAddr("2001:4860:4860::8888")},
		Download: Download{Timeout: 5 * time.Minute, Connections: 1, Verify: "length"},
		Video:    Video{Duration: 30 * time.Second, Startup: 5 * time.Second, MaxStall: 1},
		Lab: lab.Options{
			Subnet:    netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, 0}), 16),
			Pool:      defaultPool,
			LeaseTime: time.Hour,
			Server:    lab.Builtin,
			IPv6:      lab.SLAAC,
			Buffer:    100 * time.Millisecond,
		},
		Results: Results{Dir: "results", Keep: 50, Capture: "on-failure"},
		Run:     Run{Repeat: 1},
		Godog:   Godog{Format: "lanstorm"},
	}
}

// fit refuses a pool larger than the lab's subnet. The default pool shrinks
// instead, so that a small subnet can be had by changing one key.
func (c *Config) fit() error {
	room := lab.Room(c.Lab.Subnet)
	if c.Lab.Pool == defaultPool {
		c.Lab.Pool = min(c.Lab.Pool, room)
	}
	if c.Lab.Pool > room {
		return fmt.Errorf("a pool of %d addresses does not fit in %s (at most %d)", c.Lab.Pool, c.Lab.Subnet, room)
	}
	return nil
}
