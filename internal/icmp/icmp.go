// Package icmp is echo requests and their replies (RFC 792, RFC 4443): whether a
// host answers, by go-ping, and how long it takes, by the kernel's timestamps
// (timestamping.rst).
package icmp

import (
	"net"
	"net/netip"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Client is who pings, and whom.
type Client struct {
	Name    string
	MAC     net.HardwareAddr
	NS      *namespace.NS              // where its sockets are opened
	Target  netip.Addr                 // the zone of a link-local one is the index of the link, as "2"
	Err     error                      // why there is no target; then nothing is sent
	NoRoute func(to netip.Addr) string // why the kernel does not know where to send

	link string // of this machine, which it is to ping over; then there is no NS
}

// Ping says how often every client asks, and how long it waits.
type Ping struct {
	Count    int           // echo requests a client sends; 0: as many as fit in Duration
	Duration time.Duration // how long a client goes on sending, at least once; without effect when Count is set
	Interval time.Duration // between two requests of a client; default 1s
	Timeout  time.Duration // a reply that takes longer is late, and its request lost; default 1s
}

func (p Ping) withDefaults() Ping {
	if p.Interval <= 0 {
		p.Interval = time.Second
	}
	if p.Timeout <= 0 {
		p.Timeout = time.Second
	}
	if p.Count <= 0 {
		p.Count = max(1, int((p.Duration+p.Interval-1)/p.Interval))
	}
	return p
}

// Result is what became of one client's requests.
//
// Every request is in exactly one of these: Received, lost (Sent - Received) or
// not sent (Asked - Sent). Those that still waited for a reply when a
// measurement was ended early are in none: nobody knows what would have become
// of them.
type Result struct {
	Client     string                `json:"client"`
	MAC        string                `json:"mac"`
	Target     netip.Addr            `json:"target"`               // without a zone
	Asked      int                   `json:"asked"`                // requests that were to be sent
	Sent       int                   `json:"sent"`                 // requests that the kernel took
	Received   int                   `json:"received"`             // requests with a reply in time
	Late       int                   `json:"late,omitempty"`       // requests with a reply after Timeout, which count as lost
	Duplicates int                   `json:"duplicates,omitempty"` // replies to a request that had one already
	RTT        *measure.Distribution `json:"rtt,omitempty"`        // of replies in time; nil, which is an empty one, when there are none
	Losses     []int8                `json:"losses,omitempty"`     // by span of a measurement, in percent; below zero: nothing was sent
	Reason     string                `json:"reason,omitempty"`     // why nothing came back, or not all was sent; else empty
}

func (c Client) result(p Ping) Result {
	return Result{Client: c.Name, MAC: c.MAC.String(), Target: c.Target.WithZone(""), Asked: p.Count}
}

// Loss is the share of requests without a reply in time, in percent. What was to
// be sent and was not has no reply either.
func (r Result) Loss() float64 { return loss(r.Asked, r.Received) }

func loss(asked, received int) float64 {
	if asked == 0 {
		return 100
	}
	return 100 * float64(asked-received) / float64(asked)
}
