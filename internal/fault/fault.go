// Package fault names what the lab's router does wrong on purpose. A fault is
// written the same way wherever it is written: a name and, for some, an
// argument, such as "no-gateway" or "loss 10%". [Kinds] is the one list of them.
package fault

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is one thing that is wrong, in the words that Parse takes.
type Fault string

// Conditions is how a router behaves. But for the pool and the lease time,
// which it always has, the zero value is a router without faults.
type Conditions struct {
	Pool      int           // how many addresses the DHCP server hands out
	LeaseTime time.Duration // of every lease, in whole seconds

	SilentDHCP        bool          // no DHCP message is answered
	DropEvery         int           // one in so many DHCP messages is lost; 0: none
	DropDHCP          float64       // percent of the DHCP messages that are lost
	DelayDHCP         time.Duration // before each answer
	NoRenewals        bool          // a REQUEST for more of a lease is not answered
	NoUnicastRenewals bool          // such a REQUEST is answered only when it came by broadcast
	ChangesAddresses  bool          // a client that begins anew gets another address than it had
	NoNAKs            bool          // a REQUEST that is to be refused is not answered
	IgnoreReleases    bool          // an address given back stays taken
	IgnoreDeclines    bool          // an address declined is offered again
	InformLeases      bool          // an INFORM is answered by a lease
	WrongTimes        bool          // leases say that they are to be rebound before they are renewed
	Squatters         int           // hosts with fixed addresses in the server's pool
	RefuseRequests    bool          // each REQUEST is answered by a NAK
	DuplicateAddress  bool          // every second client gets the address of the one before
	WrongSubnet       bool          // leases are for another network than the LAN's
	NoGateway         bool          // leases name no router (option 3)
	NoDNS             bool          // leases name no name server (option 6)
	RogueDHCP         bool          // a second DHCP server is on the LAN, and every second client hears it
	RogueRaces        bool          // instead, each client hears both,
	RogueFaster       float64       // and so many percent of them hear it first
	StopAfter         int           // DHCP falls silent after so many leases; 0: never
	RebootAfter       int           // the router reboots once, after so many leases; 0: never
	SilentDNS         bool          // no DNS query is answered
	InternetDown      bool          // the cable to the provider is unplugged
	Loss              float64       // percent of the packets that are lost between router and Internet
	Delay             time.Duration // of each packet between router and Internet, either way
	DelayPings        time.Duration // before the router itself answers a ping
	Line              Line          // how fast the line to the provider is
	Buffer            time.Duration // how long a full buffer at either end of that line takes to empty
	FirstClientOnly   bool          // the TCP of all clients but one is held back
	Isolation         bool          // clients reach the router, but not one another

	IPv6             string        // how hosts come by IPv6 addresses, as lab.ipv6 says; empty: just so
	NoRA             bool          // no router advertisement is sent
	RALifetime0      bool          // the router is no default router
	RAEvery          time.Duration // between two advertisements to all; 0: 10s
	NoRASource       bool          // advertisements lack the source link-layer address
	LongRALifetimes  bool          // prefixes are valid for 30 days
	NoRDNSS          bool          // no name server is told by advertisement or DHCPv6
	SmallMTU         bool          // an MTU of 1280 is advertised
	SilentDHCP6      bool          // no DHCPv6 message is answered, although advertisements say that DHCPv6 has addresses
	NewPrefix        bool          // the prefix is another, and nobody was told that the old one is no more
	RebootPrefix     bool          // the prefix changes with each reboot,
	StalePrefix      bool          // and then nobody is told either
	IPv6InternetDown bool          // no IPv6 passes between router and Internet
	RogueRA          bool          // a host of the LAN says it is a router, too
	DuplicateIPv6    bool          // a host has every global address that another wants
	FewNeighbours    int           // the router has room for so many hosts that speak IPv6; 0: all
}

// Kind is a fault but for its argument.
type Kind struct {
	Name     string
	Sentence string // that says it in a feature; <n>, <x>, <x>/<x> or <time> is the argument
	Means    string // one line of help
	Builtin  bool   // only the lab's own servers can do it, not somebody else's
	argument
}

// argument is how a kind of fault is parametrised, and which condition it sets.
type argument struct {
	form  string // what stands behind the name; empty when nothing does
	limit string // what the argument may be
	set   func(c *Conditions, text string) (canonical string, ok bool)
}

// Usage is how the fault is written: "drop-dhcp <x>%".
func (k Kind) Usage() string { return strings.TrimSpace(k.Name + " " + k.form) }

// With is the fault of this kind with that argument: an int, a float64 in
// percent, a time.Duration, a Line or, for a kind that has none, nil.
func (k Kind) With(argument any) Fault {
	switch v := argument.(type) {
	case nil:
		return Fault(k.Name)
	case float64:
		return Fault(k.Name + " " + strconv.FormatFloat(v, 'f', -1, 64) + "%")
	}
	return Fault(fmt.Sprint(k.Name, " ", argument))
}

// Parse reads a fault. Its error is one line that says how to write it.
func Parse(text string) (Fault, error) {
	_, f, err := Fault(text).apply(&Conditions{})
	return f, err
}

// Apply adds f to c. The error is that of Parse, and leaves c as it is.
func (f Fault) Apply(c *Conditions) error {
	_, _, err := f.apply(c)
	return err
}

// Kind finds the kind of f. The error is that of Parse.
func (f Fault) Kind() (Kind, error) {
	k, _, err := f.apply(&Conditions{})
	return k, err
}

func (f Fault) apply(c *Conditions) (Kind, Fault, error) {
	name, text, _ := strings.Cut(strings.Join(strings.Fields(string(f)), " "), " ")
	var ways []string
	for _, k := range Kinds {
		if k.Name != name {
			continue
		}
		if canonical, ok := k.set(c, text); ok {
			return k, Fault(strings.TrimSpace(name + " " + canonical)), nil
		}
		ways = append(ways, k.Usage()+k.limit)
	}
	if ways == nil {
		return Kind{}, "", fmt.Errorf("%q is not a fault: there are %s", f, strings.Join(usages(), ", "))
	}
	return Kind{}, "", fmt.Errorf("%q is not a fault: write %s", f, strings.Join(ways, " or "))
}

func usages() []string {
	var all []string
	for _, k := range Kinds {
		all = append(all, k.Usage())
	}
	return slices.Compact(all)
}

// flag takes no argument.
func flag(field func(*Conditions) *bool) argument {
	return argument{set: func(c *Conditions, text string) (string, bool) {
		if text != "" {
			return "", false
		}
		*field(c) = true
		return "", true
	}}
}

// word sets a condition that is a word.
func word(field func(*Conditions) *string, value string) argument {
	return argument{set: func(c *Conditions, text string) (string, bool) {
		if text != "" {
			return "", false
		}
		*field(c) = value
		return "", true
	}}
}

// count takes a whole number above zero.
func count(field func(*Conditions) *int) argument {
	const most = 1 << 24
	return argument{"<n>", fmt.Sprintf(" (n from 1 to %d)", most), func(c *Conditions, text string) (string, bool) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			return "", false
		}
		*field(c) = n
		return strconv.Itoa(n), true
	}}
}

// percent takes a share, such as 2.5%.
func percent(field func(*Conditions) *float64) argument {
	return argument{"<x>%", " (x from 0 to 100)", func(c *Conditions, text string) (string, bool) {
		number, isPercent := strings.CutSuffix(text, "%")
		v, err := strconv.ParseFloat(number, 64)
		if !isPercent || err != nil || !(v >= 0 && v <= 100) { // the negation also catches NaN
			return "", false
		}
		v = math.Abs(v) // of -0
		*field(c) = v
		return strconv.FormatFloat(v, 'f', -1, 64) + "%", true
	}}
}

// rates takes the rates of a line, in Mbit/s or another unit.
func rates(field func(*Conditions) *Line) argument {
	limit := fmt.Sprintf(" (download/upload, x from %v to %v)", slowest/1e6, fastest/1e6)
	return argument{"<x>/<x> Mbit/s", limit, func(c *Conditions, text string) (string, bool) {
		l, err := ParseLine(text)
		if err != nil {
			return "", false
		}
		*field(c) = l
		return l.String(), true
	}}
}

// milliseconds and seconds take any duration, in that unit or another.
func milliseconds(field func(*Conditions) *time.Duration) argument {
	return span("<n>ms", time.Millisecond, time.Minute, time.Nanosecond, field)
}

func seconds(field func(*Conditions) *time.Duration) argument {
	return span("<n>s", 0, 8760*time.Hour, time.Second, field)
}

func span(form string, least, most, grain time.Duration, field func(*Conditions) *time.Duration) argument {
	limit := fmt.Sprintf(" (from %s to %s)", least, most)
	if grain == time.Second {
		limit = fmt.Sprintf(" (whole seconds, from %s to %s)", least, most)
	}
	return argument{form, limit, func(c *Conditions, text string) (string, bool) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most || d%grain != 0 {
			return "", false
		}
		*field(c) = d
		return d.String(), true
	}}
}
