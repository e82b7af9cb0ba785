package main

import (
	"fmt"
	"math"
	"time"

	"github.com/lanstorm/lanstorm/internal/bench"
	"github.com/lanstorm/lanstorm/internal/measure"
)

// Target is something that lanstorm must reach on a machine with two cores.
type Target struct {
	Number          int
	Asked, Measured string
	Reached         bool
}

const notMeasured = "not measured"

// Targets compares what was measured with what must be reached.
func (r *Suite) Targets() (all []Target) {
	target := func(number int, asked string, measured, reached bool, text string, args ...any) {
		t := Target{number, asked, notMeasured, false}
		if measured {
			t.Measured, t.Reached = fmt.Sprintf(text, args...), reached
		}
		all = append(all, t)
	}
	few, thousand, crowd := fmt.Sprintf("%d clients", r.Few), fmt.Sprintf("%d clients", r.Thousand), fmt.Sprintf("%d clients", r.Crowd)
	short, ratio := measure.Short, func(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
	const ms = time.Millisecond

	hand, ours := r.other("by hand", r.Few), r.row("dnsmasq", r.Few)
	both := hand.Clients > 0 && ours.Clients > 0
	times := ratio(hand.Create, ours.Create)
	target(1, few+", dnsmasq: made at least 50 times as fast as by the manual commands", both,
		times >= 50, "%.0f times (%s instead of %s)", times, short(ours.Create), short(hand.Create))
	times = ratio(hand.Remove, ours.Remove)
	target(1, "removed at least 50 times as fast", both,
		times >= 50, "%.0f times (%s instead of %s)", times, short(ours.Remove), short(hand.Remove))

	kea, bare := r.row("kea", r.Thousand), r.other("bare loop", r.Thousand)
	allowed := max(1500*ms, bare.Create*3/2)
	target(2, thousand+", Kea, bridge mode: made within 1.5s, or 1.5 times the bare loop if that is longer", kea.Clients > 0 && bare.Clients > 0,
		kea.Create <= allowed, "%s; the bare loop takes %s, so %s are allowed", short(kea.Create), short(bare.Create), short(allowed))

	highest, said := 0.0, ""
	for _, rate := range r.Rates { // of a burst, and of two seconds
		highest = max(highest, rate.Highest)
		said += fmt.Sprintf("; perfdhcp has %.0f with up to %d clients", rate.Highest, rate.Clients)
	}
	target(3, thousand+", Kea: leases per second at least 0.85 of perfdhcp's highest loss-free rate", kea.Clients > 0 && len(r.Rates) == 2 && highest > 0,
		float64(kea.LeaseRate) >= 0.85*highest, "%d leases per second, %.2f of it%s", kea.LeaseRate, float64(kea.LeaseRate)/highest, said)

	many, least, span, lost := r.row("kea", r.Crowd), r.Crowd*2, time.Duration(0), 0
	for _, p := range r.Pings {
		least, span, lost = min(least, p.Requests, p.Replies), max(span, p.Span), lost+p.Lost
	}
	target(4, crowd+", Kea: each gets its lease, and has a reply to one ping to the router and to one to 8.8.8.8, all sent within 1s", many.Clients > 0 && r.Pings != nil,
		least == 2*r.Crowd && span <= time.Second, "%d pings and replies within %s, in the worst of %d rounds, seen by a packet capture that missed %d packets", least, short(span), len(r.Pings), lost)
	target(4, "the tester is clean meanwhile", many.Clients > 0, many.Tester.Clean(), "%s", many.Tester)
	times = ratio(many.Create, kea.Create)
	target(4, fmt.Sprintf("they are made in at most 5 times the time of %d", r.Thousand), many.Clients > 0 && kea.Clients > 0,
		times <= 5, "%.1f times (%s and %s)", times, short(many.Create), short(kea.Create))
	target(4, "they are removed within 4s, and nothing of them is left: no macvlan, no namespace, no lease at the server", many.Clients > 0,
		many.Remove <= 4*time.Second, "%s", short(many.Remove))

	p := r.Latency
	target(5, fmt.Sprintf("%s ping once a second for %s: at most 10 %% of one core", thousand, r.Minute), p.Clients > 0,
		p.CPU <= 0.10, "%.1f %%; %d of %d pings answered; %s", 100*p.CPU, p.Received, p.Sent, p.Tester)
	target(5, "RTT p99 within 200µs of that from a packet capture", p.Clients > 0 && p.Seen.P99 > 0,
		(p.P99-p.Seen.P99).Abs() <= 200*time.Microsecond, "%s; by the capture (%d of %d replies) %s", short(p.P99), p.Seen.Replies, p.Received, short(p.Seen.P99))

	var most bench.Held
	for _, row := range r.Rows {
		if row.Clients >= r.Thousand { // with fewer clients the figures say nothing
			most.Resident, most.Files, most.Threads = max(most.Resident, row.Resident), max(most.Files, row.Files), max(most.Threads, row.Threads)
		}
	}
	target(6, "at most 64 KB of resident memory for each idle client", most.Threads > 0, most.Resident <= 64<<10, "%.1f KB", float64(most.Resident)/1024)
	target(6, "at most 1.01 file descriptors for each: all of them share a listener", most.Threads > 0, most.Files <= 1.01, "%.3f", most.Files)
	target(6, "at most 64 threads in all", most.Threads > 0, most.Threads <= 64, "%d", most.Threads)

	storms := map[string]Storm{}
	for _, s := range r.Storms {
		storms[s.Server] = s
	}
	s := storms["builtin"]
	target(7, thousand+" ask at once: all first DISCOVERs leave within 60ms", s.Clients > 0,
		s.Seen == r.Thousand && s.Span <= 60*ms, "%s, of %d clients, seen by a packet capture", short(s.Span), s.Seen)
	s = storms["kea"]
	target(7, "all at once at Kea: each has its lease within 4s", s.Clients > 0,
		s.Clients == r.Thousand && s.Leased <= 4*time.Second, "%s; %d of %d messages sent again", short(s.Leased), s.Resent, s.Sent)

	target(8, fmt.Sprintf("to look whether addresses are free takes %s at most 300ms", thousand), r.Checking != 0, r.Checking <= 300*ms, "%s", short(r.Checking))

	st := r.Standing
	grown := float64(st.End.Resident-st.Early.Resident) / float64(st.Early.Resident)
	target(9, fmt.Sprintf("%s stand for %s with leases of %s: every renewal in time, at most 2 %% of one core, memory and files flat", thousand, 5*r.Minute, r.Minute), st.Clients > 0,
		st.Fewest >= st.Expected() && st.Late == 0 && st.Lost == 0 && st.CPU <= 0.02 && grown <= 0.05 && st.End.Files <= st.Early.Files,
		"%d renewals, %d at least of each client, %d late, %d leases lost; %.1f %%; memory %+.1f %%; %.0f files open, then %.0f",
		st.Renewals, st.Fewest, st.Late, st.Lost, 100*st.CPU, 100*grown, st.Early.Files, st.End.Files)

	for _, way := range []string{"download", "upload"} {
		us, they := r.transfer(way, "lanstorm"), r.transfer(way, "iperf3")
		ok, times := us.Streams > 0 && they.Streams > 0, us.Rate/they.Rate
		target(10, fmt.Sprintf("%d clients %s at once through the lab's NAT at least as fast as iperf3 with as many streams", r.Few/4, way), ok,
			times >= 1, "%.2f times (%.1f and %.1f Gbit/s)", times, us.Rate, they.Rate)
		target(10, "with at most its processor time for each GB", ok,
			us.CPU <= they.CPU, "%.2f s; iperf3 takes %.2f s", us.CPU, they.CPU)
	}
	f := r.Fair
	target(11, few+" download 20 MB at once: each gets all of it, and Jain's index is at least 0.95", f.Clients > 0,
		f.Right == f.Clients && f.Jain >= 0.95, "%d got all of it; %.3f, the median of 5 rounds", f.Right, f.Jain)
	m := r.Mixed
	grown = float64(m.End.Resident-m.Early.Resident) / float64(m.Early.Resident)
	target(12, fmt.Sprintf("%d clients do different things for %s: resident memory within 5 %% of what it was after %s", r.Few/2, 10*r.Minute, r.Minute), m.Clients > 0,
		math.Abs(grown) <= 0.05, "%+.1f %%, from %.1f MB; %d things done, %d failed", 100*grown, float64(m.Early.Resident)/1e6, m.Done, m.Failed)
	d := r.Dual
	times = ratio(d.Create, d.IPv4)
	target(13, thousand+" with IPv6: IPv4 is there after at most 1.3 times the time that it takes without", d.Clients > 0,
		times <= 1.3, "%.2f times (%s and %s), the medians of 3 rounds", times, short(d.Create), short(d.IPv4))
	target(13, "the last global IPv6 address is there at most 0.5s later than on as many links that nothing but a loop has made", d.Clients > 0,
		d.Last <= d.Bare+500*ms, "%s, and on bare links %s", short(d.Last), short(d.Bare))
	target(13, "each has a reply from the router by IPv4 and by IPv6", d.Clients > 0,
		d.Answered == [2]int{d.Clients, d.Clients}, "%d and %d", d.Answered[0], d.Answered[1])
	target(13, fmt.Sprintf("they stand for %s with router advertisements each 10 s: at most 2 %% of one core", d.Idle), d.Clients > 0,
		d.CPU <= 0.02 && d.Have == d.Clients, "%.1f %%; %d still have their IPv6 address", 100*d.CPU, d.Have)
	return all
}
