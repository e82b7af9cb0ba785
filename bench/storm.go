package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Storm is clients that all ask for a lease at the same moment.
type Storm struct {
	Server       string
	Clients      int
	Seen         int           // that a packet capture saw to ask
	Span         time.Duration // by it, from the first client's first message to the last one's
	Leased       time.Duration // from the first DISCOVER to the last ACK
	Sent, Resent int           // DHCP messages, those included that were sent again
}

func storm(ctx context.Context, s *bench.Session, l *lab.Lab, server lab.Server, n int) (r Storm, err error) {
	c, err := startCapture(ctx, l.Parent, "udp dst port 67")
	if err != nil {
		return r, err
	}
	opts := s.Clients(l)
	opts.InFlight = 0
	err = with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
		made := m.Creation()
		r = Storm{Server: string(server), Clients: made.Clients, Leased: made.Leasing, Sent: made.Sent, Resent: made.Resent}
		return nil
	})
	a := asked{}
	_, stopErr := c.stop(a.see)
	r.Seen, r.Span = len(a.clients), a.span
	return r, errors.Join(err, stopErr)
}

// asked are the clients of which a capture has seen a message.
type asked struct {
	clients map[string]bool // by MAC address
	first   time.Time
	span    time.Duration
}

func (a *asked) see(p packet) {
	mac := string(p.ethernet.SrcMAC)
	if a.clients == nil {
		a.clients, a.first = map[string]bool{}, p.at
	}
	if !a.clients[mac] {
		a.clients[mac], a.span = true, p.at.Sub(a.first)
	}
}

// checking is how much longer n clients take because they look first whether
// their addresses are free. It is the difference of two medians.
func checking(ctx context.Context, s *bench.Session, l *lab.Lab, n int) (time.Duration, error) {
	var took [2][]time.Duration
	for i := range 2 * s.Repeat {
		bench.Settle(ctx)
		opts := s.Clients(l)
		opts.TrustAddresses = i%2 == 1
		err := with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
			took[i%2] = append(took[i%2], m.Creation().Took)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return median(took[0]) - median(took[1]), nil
}

// median is the middle one, the lower of two.
func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}
