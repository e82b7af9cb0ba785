package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
)

// Rate is how many leases per second perfdhcp(8), Kea's load generator, gets with up
// to so many clients.
type Rate struct {
	Clients int
	Highest float64 // without a loss; 0: none
}

// The search tries so many rates, each for so long. It finds the rate to a sixteenth.
const (
	firstRate  = 1000
	perfRates  = 8
	perfStep   = 2 * time.Second
	perfEnough = 0.95 // of a rate asked for is that rate
)

// perfdhcp looks for the highest rate at which the program of that name loses no
// message, with up to so many clients, each of which asks for one lease. It runs
// on the LAN as a relay, as it always does. The lab forgets its leases before each
// try and at the end. It takes up to 40 seconds.
//
// It need not be the server that limits the rate: perfdhcp runs on the same machine,
// and on two cores it is the first to lose messages.
func perfdhcp(ctx context.Context, l *lab.Lab, clients int) (r Rate, err error) {
	guest, leave, err := l.Guest()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Forget(), leave()) }()
	r.Clients = clients
	r.Highest, err = search(func(rate float64) (achieved float64, err error) {
		for range 2 { // as a loss may be chance
			if err := l.Forget(); err != nil {
				return 0, err
			}
			n := strconv.Itoa(min(clients, int(rate*perfStep.Seconds())))
			cmd := exec.CommandContext(ctx, "perfdhcp", "-4", "-l", "lan", "-r", strconv.Itoa(int(rate)), "-n", n, "-R", n,
				"-b", "mac=02:4c:53:01:00:00", "-W", "100000", "-x", "t", l.Router.String()) // answers after 100 ms are lost
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := guest.Do(cmd.Start); err != nil {
				return 0, err
			}
			_ = cmd.Wait() // fails after a loss; the report tells
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			achieved, drops, err := parsePerfdhcp(out.String())
			if err != nil || drops == 0 {
				return achieved, err
			}
		}
		return 0, nil
	})
	return r, err
}

// search doubles the rate until try achieves less, and then bisects. It returns the
// best that was achieved.
func search(try func(rate float64) (achieved float64, err error)) (best float64, err error) {
	var below, above float64 // reached and not
	for range perfRates {
		rate := (below + above) / 2
		if above == 0 {
			rate = max(firstRate, 2*below)
		}
		achieved, err := try(rate)
		if err != nil {
			return best, err
		}
		if best = max(best, achieved); achieved >= perfEnough*rate {
			below = rate
		} else {
			above = rate
		}
	}
	return best, nil
}

// What is read of perfdhcp's report.
var (
	dropsLine  = regexp.MustCompile(`(?m)^drops: (\d+)$`)
	leasesLine = regexp.MustCompile(`(?s)for: REQUEST-ACK\*\*\*.*?\nreceived packets: (\d+)`)
	timesLine  = regexp.MustCompile(`(?m)^sent / received: ([\d.]+) / ([\d.]+)$`)
)

// parsePerfdhcp reads from the report the leases per second, from the first message
// to the last, and how many messages had no answer. The report's own rate counts
// the wait for the last answers, so the times of the messages (-x t) are used
// instead.
func parsePerfdhcp(report string) (rate float64, drops int, err error) {
	leases := leasesLine.FindStringSubmatch(report)
	if leases == nil {
		return 0, 0, fmt.Errorf("perfdhcp: no report: %s", strings.TrimSpace(report))
	}
	for _, m := range dropsLine.FindAllStringSubmatch(report, -1) {
		n, _ := strconv.Atoi(m[1])
		drops += n
	}
	number := func(text string) float64 { v, _ := strconv.ParseFloat(text, 64); return v } // it is a number, by the patterns
	first, last := math.Inf(1), 0.0
	for _, m := range timesLine.FindAllStringSubmatch(report, -1) {
		first, last = min(first, number(m[1])), max(last, number(m[2]))
	}
	if last > first {
		rate = number(leases[1]) / (last - first)
	}
	return rate, drops, nil
}
