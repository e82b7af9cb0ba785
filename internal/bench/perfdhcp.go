package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/internal/namespace"
)

// Reference is what perfdhcp(8), the load generator of Kea, measures of a DHCP
// server.
type Reference struct {
	Rate    float64 // leases per second, the highest without a loss; 0: none
	Tried   []Step  // in the order of trying
	Version string  // of perfdhcp
}

// Step is one rate that was tried.
type Step struct {
	Asked    float64 // leases per second
	Achieved float64 // leases per second: whole exchanges, DISCOVER to ACK, by the time from the first message to the last
	Drops    int     // messages without an answer
}

// The search for the rate: as many rates as in bisecting give it to a
// sixteenth, each for so long, and as a loss may be chance, each once more.
const (
	firstRate  = 1000
	perfRates  = 8
	perfTries  = 2
	perfStep   = 2 * time.Second
	perfWait   = 100 * time.Millisecond // for the last answers; later ones are lost
	perfEnough = 0.95                   // of a rate asked for is that rate
	perfTime   = 40 * time.Second       // for all of it
)

// Perfdhcp looks for the highest rate at which perfdhcp loses no message, with
// up to so many clients, each of which asks for one lease. It runs on the LAN
// as a relay, as is its way. The leases of the lab are forgotten before each
// try and in the end. It takes up to 40 seconds.
//
// What limits the rate need not be the server: perfdhcp is its neighbour on the
// same machine, and on two cores is the first to lose messages.
func Perfdhcp(ctx context.Context, l *lab.Lab, clients int) (ref Reference, err error) {
	p := perfdhcp{lab: l, clients: clients}
	if p.path, err = exec.LookPath("perfdhcp"); err != nil {
		return ref, errors.New("perfdhcp is not installed: install it (apt install kea-admin)")
	}
	if pool := l.Conditions().Pool; clients < 1 || clients > pool {
		return ref, fmt.Errorf("perfdhcp: %d clients, and the lab has %d addresses", clients, pool)
	}
	version, err := exec.CommandContext(ctx, p.path, "-v").Output()
	if err != nil {
		return ref, fmt.Errorf("perfdhcp: %w", err)
	}
	ref.Version = strings.TrimSpace(strings.TrimPrefix(string(version), "VERSION:"))

	ctx, cancel := context.WithTimeout(ctx, perfTime)
	defer cancel()
	var leave func() error
	if p.ns, leave, err = l.Guest(); err != nil {
		return ref, fmt.Errorf("perfdhcp: %w", err)
	}
	defer func() { err = errors.Join(err, l.Forget(), leave()) }()
	ref.Rate, err = search(func(rate float64) (float64, bool, error) {
		for range perfTries {
			s, err := p.try(ctx, rate)
			if err != nil {
				return 0, false, fmt.Errorf("perfdhcp: %g leases per second: %w", rate, err)
			}
			ref.Tried = append(ref.Tried, s)
			if s.Drops == 0 {
				return s.Achieved, s.Achieved >= perfEnough*rate, nil
			}
		}
		return 0, false, nil
	})
	return ref, err
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

// perfdhcp is the program of that name, on the LAN of a lab.
type perfdhcp struct {
	lab     *lab.Lab
	ns      *namespace.NS
	path    string
	clients int
}

// someExchangesFailed is the exit code of perfdhcp after a loss.
const someExchangesFailed = 3

func (p *perfdhcp) try(ctx context.Context, rate float64) (Step, error) {
	if err := p.lab.Forget(); err != nil {
		return Step{}, err
	}
	clients := strconv.Itoa(min(p.clients, int(rate*perfStep.Seconds())))
	cmd := exec.CommandContext(ctx, p.path, "-4", "-l", "lan",
		"-r", strconv.Itoa(int(rate)), "-n", clients, "-R", clients, "-b", "mac=02:4c:53:01:00:00",
		"-W", strconv.FormatInt(perfWait.Microseconds(), 10), "-x", "t", p.lab.Router.String())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := p.ns.Do(cmd.Start); err != nil {
		return Step{}, err
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return Step{}, ctx.Err()
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == someExchangesFailed {
		err = nil
	}
	if err != nil {
		return Step{}, fmt.Errorf("%w: %s", err, lastLine(out.String()))
	}
	return parsePerfdhcp(out.String(), rate)
}

// parsePerfdhcp reads the report. Its own rate counts the wait for the last
// answers, so the times of the messages (-x t) are taken instead.
func parsePerfdhcp(report string, asked float64) (Step, error) {
	s := Step{Asked: asked}
	var leases int
	var section string
	first, last := -1.0, 0.0
	for lines := bufio.NewScanner(strings.NewReader(report)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if title, ok := strings.CutPrefix(line, "***"); ok {
			section = strings.TrimSuffix(title, "***")
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		var err error
		switch {
		case name == "drops":
			var n int
			n, err = strconv.Atoi(value)
			s.Drops += n
		case name == "received packets" && strings.HasSuffix(section, "REQUEST-ACK"):
			leases, err = strconv.Atoi(value)
		case name == "sent / received":
			var sent, received float64
			if _, err = fmt.Sscanf(value, "%f / %f", &sent, &received); err == nil {
				if first < 0 {
					first = sent
				}
				first, last = min(first, sent), max(last, received)
			}
		}
		if err != nil {
			return Step{}, fmt.Errorf("report: %q: %w", line, err)
		}
	}
	if section == "" {
		return Step{}, fmt.Errorf("no report: %s", lastLine(report))
	}
	if last > first && first >= 0 {
		s.Achieved = float64(leases) / (last - first)
	}
	return s, nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
