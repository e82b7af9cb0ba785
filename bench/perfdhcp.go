package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// Rate is how many leases per second perfdhcp(8), the load generator of Kea, gets
// with up to so many clients.
type Rate struct {
	Clients int
	Highest float64 // without a loss; 0: none
}

// The search for the rate: as many rates as in bisecting give it to a
// sixteenth, each for so long, and as a loss may be chance, each once more.
const (
	firstRate  = 1000
	perfRates  = 8
	perfTries  = 2
	perfStep   = 2 * time.Second
	perfEnough = 0.95 // of a rate asked for is that rate
)

// perfdhcp looks for the highest rate at which the program of that name loses no
// message, with up to so many clients, each of which asks for one lease. It runs
// on the LAN as a relay, as is its way. The leases of the lab are forgotten before
// each try and in the end. It takes up to 40 seconds.
//
// What limits the rate need not be the server: perfdhcp is its neighbour on the
// same machine, and on two cores is the first to lose messages.
func perfdhcp(ctx context.Context, l *lab.Lab, clients int) (r Rate, err error) {
	guest, leave, err := l.Guest()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Forget(), leave()) }()
	r.Clients = clients
	r.Highest, err = search(func(rate float64) (float64, bool, error) {
		for range perfTries {
			if err := l.Forget(); err != nil {
				return 0, false, err
			}
			n := strconv.Itoa(min(clients, int(rate*perfStep.Seconds())))
			cmd := exec.CommandContext(ctx, "perfdhcp", "-4", "-l", "lan", "-r", strconv.Itoa(int(rate)), "-n", n, "-R", n,
				"-b", "mac=02:4c:53:01:00:00", "-W", "100000", "-x", "t", l.Router.String()) // answers after 100 ms are lost
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := guest.Do(cmd.Start); err != nil {
				return 0, false, err
			}
			_ = cmd.Wait() // fails after a loss; the report tells
			if ctx.Err() != nil {
				return 0, false, context.Cause(ctx)
			}
			achieved, drops, err := parsePerfdhcp(out.String())
			if err != nil || drops == 0 {
				return achieved, achieved >= perfEnough*rate, err
			}
		}
		return 0, false, nil
	})
	return r, err
}

// search doubles the rate until try says that it is too much, and closes in on
// the highest that is not. It returns the best that was achieved.
func search(try func(rate float64) (achieved float64, reached bool, err error)) (best float64, err error) {
	var below, above float64 // reached and not
	rate := float64(firstRate)
	for range perfRates {
		achieved, reached, err := try(rate)
		if err != nil {
			return best, err
		}
		best = max(best, achieved)
		if reached {
			below = rate
		} else {
			above = rate
		}
		if above == 0 {
			rate = 2 * below
		} else {
			rate = (below + above) / 2
		}
	}
	return best, nil
}

// parsePerfdhcp reads from the report the leases per second, whole exchanges from
// the first message to the last, and how many messages had no answer. The
// report's own rate counts the wait for the last answers, so the times of the
// messages (-x t) are taken instead.
func parsePerfdhcp(report string) (rate float64, drops int, err error) {
	var section string
	var leases int
	first, last := -1.0, 0.0
	for line := range strings.Lines(report) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "***"); ok {
			section = strings.TrimSuffix(title, "***")
			continue
		}
		var err error
		switch name, value, _ := strings.Cut(line, ": "); {
		case name == "drops":
			var n int
			n, err = strconv.Atoi(value)
			drops += n
		case name == "received packets" && strings.HasSuffix(section, "REQUEST-ACK"):
			leases, err = strconv.Atoi(value)
		case name == "sent / received":
			var sent, received float64
			if _, err = fmt.Sscanf(value, "%f / %f", &sent, &received); first < 0 {
				first = sent
			}
			first, last = min(first, sent), max(last, received)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("perfdhcp's report: %q: %w", line, err)
		}
	}
	if section == "" {
		return 0, 0, fmt.Errorf("perfdhcp: no report: %s", strings.TrimSpace(report))
	}
	if last > first && first >= 0 {
		rate = float64(leases) / (last - first)
	}
	return rate, drops, nil
}
