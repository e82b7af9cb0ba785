package netmgr

import (
	"fmt"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/measure"
)

// Creation is what it took to make clients, in one call.
type Creation struct {
	Clients int           // that came through all stages
	Took    time.Duration // from the first namespace to the last client configured
	Storm   time.Duration // from the first client's first DISCOVER to the last one's
	Peak    int           // clients that were asking for an address at one time, at most
	Bound   int           // how many were to do so, at most; 0: any number
	Leasing time.Duration // from the first DISCOVER to the last ACK
	Sent    int           // DHCP messages, those included that were
	Resent  int           // sent again for want of an answer
	Phases  []Phase
	Remarks []Remark // of the clients, also of those that failed

	AskedRate    float64 // arrivals per second that were asked for; 0: all at once
	AchievedRate float64 // arrivals per second, a client arriving with its first DISCOVER
}

// Phase is the time that clients took for one part of their creation, each for
// itself.
type Phase struct {
	Name               string // namespace, link, offer, ack, check, configure or total
	P50, P95, P99, Max time.Duration
}

// LeasesPerSecond is the rate while leases were being asked for.
func (c Creation) LeasesPerSecond() float64 { return float64(c.Clients) / c.Leasing.Seconds() }

// String tells it in a line.
func (c Creation) String() string {
	switch {
	case c.Clients == 0:
		return "no clients"
	case c.Sent == 0: // they speak no IPv4
		return fmt.Sprintf("%s in %s", measure.Times(c.Clients, "client"), measure.Short(c.Took))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s", measure.Times(c.Clients, "client"), measure.Short(c.Took))
	switch {
	case c.AskedRate > 0:
		fmt.Fprintf(&b, ", arriving at %.4g per second (asked: %.4g)", c.AchievedRate, c.AskedRate)
	case c.Bound > 0:
		fmt.Fprintf(&b, ", asking %d at a time (at most %d)", c.Peak, c.Bound)
	case c.Clients > 1:
		fmt.Fprintf(&b, ", all asking within %s, %d at a time", measure.Short(c.Storm), c.Peak)
	}
	fmt.Fprintf(&b, ": %.0f leases/s, %d of %d messages sent again; p95", c.LeasesPerSecond(), c.Resent, c.Sent)
	for i, p := range c.Phases {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s %s", p.Name, measure.Short(p.P95))
	}
	return b.String()
}

// Progress is how far the newest creation is: how many of its clients stand. It
// may be called while that goes on.
func (m *NetworkManager) Progress() (stand, of int) {
	b := m.making.Load()
	if b == nil {
		return 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.standing, len(b.clients)
}

// Creation tells of the newest call of CreateClients or CreateClientsAs.
func (m *NetworkManager) Creation() Creation { return m.creation }

// figures sums up the clients that came through.
func (b *bringUp) figures() Creation {
	var c Creation
	var first, last, arrived time.Time
	phases := []struct {
		name string
		of   func(Timings) time.Duration
	}{
		{"namespace", func(t Timings) time.Duration { return t.Namespace }},
		{"link", func(t Timings) time.Duration { return t.Link }},
		{"offer", func(t Timings) time.Duration { return t.Offer }},
		{"ack", func(t Timings) time.Duration { return t.Ack }},
		{"check", func(t Timings) time.Duration { return t.Check }},
		{"configure", func(t Timings) time.Duration { return t.Configure }},
		{"total", Timings.Total},
	}
	times := make([]*measure.Distribution, len(phases))
	for i := range times {
		times[i] = measure.NewDistribution()
	}
	for _, client := range b.clients {
		t := client.Timings
		c.Sent += t.Sent
		c.Resent += t.Resent
		if t.Configure == 0 {
			continue
		}
		c.Clients++
		for i, p := range phases {
			times[i].Record(p.of(t))
		}
		if first.IsZero() || t.Asked.Before(first) {
			first = t.Asked
		}
		if t.Asked.After(arrived) {
			arrived = t.Asked
		}
		if t.Leased.After(last) {
			last = t.Leased
		}
	}
	for i, p := range phases {
		d := times[i]
		c.Phases = append(c.Phases, Phase{p.name, d.P50(), d.P95(), d.P99(), d.Max()})
	}
	c.Took, c.Leasing, c.Storm = b.done.Sub(b.start), last.Sub(first), arrived.Sub(first)
	c.Peak, c.Bound = b.peak, b.bound()
	if b.arrival.Gap > 0 {
		c.AskedRate = float64(time.Second) / float64(b.arrival.Gap)
		if c.Clients > 1 {
			c.AchievedRate = float64(c.Clients-1) / arrived.Sub(first).Seconds()
		}
	}
	return c
}
