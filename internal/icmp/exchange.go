package icmp

import (
	"context"
	"time"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// schedule says when requests are sent. They are numbered in the order of
// sending: request i is client i % clients' own request i / clients.
type schedule struct {
	clients, rounds int
	interval        time.Duration
}

func (s schedule) requests() int { return s.clients * s.rounds }

// due is when request i is to be sent, counted from the start: each client has
// its own place in the interval.
func (s schedule) due(i int) time.Duration {
	round, place := i/s.clients, i%s.clients
	return time.Duration(round)*s.interval + time.Duration(place)*s.interval/time.Duration(s.clients)
}

// leastSleep is how long the sender sleeps at least. Requests that are due
// within it leave together: at 1000 a second, five of them. To wake up costs as
// much as to send, and more often than each millisecond Go wakes nobody.
const leastSleep = 5 * time.Millisecond

// retryAfter is how long a full send queue is given to drain at first, and
// twice as long each further time: the neighbour table, whose being full is
// the same error, does not drain at all.
const retryAfter = 2 * time.Millisecond

// attempt is a request to be sent.
type attempt struct {
	to   *probed
	seq  uint32
	due  time.Duration // since the start
	next time.Duration // likewise, after the send queue was full; 0 when it was not
	wait time.Duration // before next
}

// exchange sends what the schedule says and reads replies, until every request has
// its reply or its timeout is over, or ctx ends. It is behind time rather than that
// it leaves something out.
func (r *prober) exchange(ctx context.Context) {
	var in reader
	defer r.drain(&in)
	s := schedule{clients: len(r.able), rounds: r.Count, interval: r.Interval}
	start := now()
	var again []attempt
	var look, end time.Duration // since the start: when to read, and how long to wait for replies
	for i := 0; ctx.Err() == nil; {
		elapsed := now().since(start)
		waiting := again
		again = nil
		for _, a := range waiting {
			if a.next <= elapsed {
				a, elapsed = r.try(a, start)
			}
			if a.next > 0 {
				again = append(again, a)
			}
		}
		for ; i < s.requests() && s.due(i) <= elapsed && ctx.Err() == nil; i++ {
			a := attempt{to: r.able[i%s.clients], seq: uint32(i / s.clients), due: s.due(i)}
			if a, elapsed = r.try(a, start); a.next > 0 {
				again = append(again, a)
			}
		}
		if elapsed >= look {
			r.drain(&in)
			look = elapsed + pollInterval
		}
		wait := look - elapsed
		switch {
		case again != nil:
			wait = leastSleep
		case i < s.requests():
			wait = min(wait, s.due(i)-elapsed)
		case end == 0:
			end = elapsed + r.Timeout + pollInterval
		case r.pending <= 0 || elapsed >= end:
			return
		}
		_ = packets.Pause(ctx, max(wait, leastSleep))
	}
}

// try sends a request. When the queue is full, it says when to try again.
func (r *prober) try(a attempt, start instant) (attempt, time.Duration) {
	c := a.to
	var msg [headerLen + echoPayloadLen]byte
	r.echo.request(&msg, c.family(), a.seq)

	at := now()
	elapsed := at.since(start)
	c.flight.begin(a.seq, at)
	err := sendEcho(c.fd, msg[:], c.Target)
	a.next = 0
	if err == nil {
		r.sendDelay.Record(elapsed - a.due)
		return a, elapsed
	}
	c.flight.cancel(a.seq)
	if packets.QueueFull(err) {
		r.noBuffers++
		if elapsed-a.due < r.Timeout {
			a.wait = max(retryAfter, 2*a.wait)
			a.next = elapsed + packets.Jitter(a.wait)
			return a, elapsed
		}
	}
	c.unsent++
	if c.sendErr == nil {
		c.sendErr = err
	}
	return a, elapsed
}
