package main

import (
	"context"
	"regexp"
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
	Seen         int           // clients whose messages a packet capture saw
	Span         time.Duration // in it, from the first client's first message to the last client's first
	Leased       time.Duration // from the first DISCOVER to the last ACK
	Sent, Resent int           // DHCP messages; Sent includes Resent
}

func storm(ctx context.Context, s *bench.Session, l *lab.Lab, server lab.Server, n int) (r Storm, err error) {
	opts := s.Clients(l)
	opts.InFlight = 0
	text, err := captured(ctx, l.Parent, "udp dst port 67", func() error {
		return with(ctx, s, opts, n, func(m *netmgr.NetworkManager) error {
			made := m.Creation()
			r = Storm{Server: string(server), Clients: made.Clients, Leased: made.Leasing, Sent: made.Sent, Resent: made.Resent}
			return nil
		})
	})
	r.Seen, r.Span = askers(text)
	return r, err
}

var askerLine = regexp.MustCompile(`(?m)^(\d+\.\d+) (\S+) > `)

// askers counts the clients whose messages tcpdump saw, by MAC address. The span is
// from the first client's first message to the last client's first.
func askers(text string) (n int, span time.Duration) {
	clients := map[string]bool{}
	var first time.Duration
	for _, m := range askerLine.FindAllStringSubmatch(text, -1) {
		at, mac := moment(m[1]), m[2]
		if len(clients) == 0 {
			first = at
		}
		if !clients[mac] {
			clients[mac], span = true, at-first
		}
	}
	return len(clients), span
}

// checking measures how much longer n clients take because they first check whether
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
