package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lanstorm/lanstorm/internal/lab"
	"github.com/lanstorm/lanstorm/netmgr"
)

// Storm is clients that all ask for a lease at the same moment.
type Storm struct {
	Server       string
	Clients      int
	Seen         int           // that a packet capture saw to ask
	Span         time.Duration // by it, from the first client's first DISCOVER to the last one's
	Leased       time.Duration // from the first DISCOVER to the last ACK
	Sent, Resent int           // DHCP messages, those included that were sent again
}

// storm is one of n clients. On error none of them stands.
func (s *session) storm(ctx context.Context, l *lab.Lab, n int) (r Storm, err error) {
	s.say("%s: a storm of %d clients", title(s.Server), n)
	opts := s.options(l)
	opts.InFlight = 0
	m, err := netmgr.New(opts)
	if err != nil {
		return r, err
	}
	c, err := startCapture(ctx, l.Parent, "udp dst port 67")
	if err != nil {
		return r, err
	}
	err = m.CreateClients(ctx, n)
	made := m.Creation()
	readErr := c.end(func(file io.Reader) (err error) {
		r.Seen, r.Span, err = readStorm(file)
		return err
	})
	r.Server, r.Clients = title(s.Server), made.Clients
	r.Leased, r.Sent, r.Resent = made.Leasing, made.Sent, made.Resent
	return r, errors.Join(err, readErr, m.Cleanup(s.Patience))
}

// readStorm reads from a capture of messages to DHCP servers how many clients
// sent one, and how long it took until each had sent its first.
func readStorm(r io.Reader) (clients int, span time.Duration, err error) {
	file, err := pcapgo.NewReader(r)
	if err != nil {
		return 0, 0, err
	}
	var first, last time.Time
	seen := map[string]bool{}
	for {
		data, info, err := file.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return len(seen), last.Sub(first), nil
		}
		if err != nil {
			return 0, 0, err
		}
		ethernet, ok := gopacket.NewPacket(data, file.LinkType(), gopacket.NoCopy).LinkLayer().(*layers.Ethernet)
		if !ok || seen[string(ethernet.SrcMAC)] {
			continue
		}
		if len(seen) == 0 {
			first = info.Timestamp
		}
		seen[string(ethernet.SrcMAC)] = true
		last = info.Timestamp
	}
}

// Standing is clients that do nothing but renew their leases.
type Standing struct {
	Clients          int
	Lease, Duration  time.Duration
	CPU              float64 // the share of one core that this process used
	Renewals         int     // that came in time, from the server asked
	Fewest           int     // of one client
	Late, Lost       int     // renewals by broadcast; leases lost
	Resident         float64 // how much this process's memory grew from the second minute on, as a share
	FilesLess, Files int     // open at the beginning and at the end
}

// standing makes n clients and lets them stand for as long as d. The first
// renewals are over before memory is looked at for the first time.
func (s *session) standing(ctx context.Context, l *lab.Lab, n int, lease, d time.Duration) (r Standing, err error) {
	s.say("%s: %d clients stand for %s with leases of %s", title(s.Server), n, d, lease)
	m, err := s.manager(l)
	if err != nil {
		return r, err
	}
	if err := m.CreateClients(ctx, n); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.Cleanup(s.Patience)) }()
	lost := m.Past().NotKept
	r.Clients, r.Lease, r.Duration = n, lease, d
	start, before := time.Now(), cpuTime()
	rest := func(until time.Duration) {
		select {
		case <-time.After(time.Until(start.Add(until))):
		case <-ctx.Done():
		}
	}
	rest(min(d/2, lease))
	early := takeStock()
	rest(d)
	r.CPU = float64(cpuTime()-before) / float64(time.Since(start))
	late := takeStock()
	r.Resident = float64(late.resident-early.resident) / float64(max(early.resident, 1))
	r.FilesLess, r.Files = early.descriptors, late.descriptors
	r.Lost = len(lost())
	for i, c := range m.Clients() {
		story := c.Story()
		r.Renewals += story.Renewed
		r.Late += story.Rebound
		if i == 0 || story.Renewed < r.Fewest {
			r.Fewest = story.Renewed
		}
	}
	return r, context.Cause(ctx)
}

// Expected is how often each client must have renewed at the least: with half
// of the lease gone, and a moment for the last of them.
func (r Standing) Expected() int { return max(0, int(r.Duration/(r.Lease/2))-1) }

// checking is how much longer n clients take because they look first whether
// their addresses are free. It is the difference of two medians.
func (s *session) checking(ctx context.Context, l *lab.Lab, n int) (added time.Duration, err error) {
	s.say("%s: %d clients with and without a look whether addresses are free", title(s.Server), n)
	var with, without []time.Duration
	for i := range 2 * s.Repeat {
		settle(ctx)
		opts := s.options(l)
		opts.TrustAddresses = i%2 == 1
		m, err := netmgr.New(opts)
		if err != nil {
			return 0, err
		}
		err = m.CreateClients(ctx, n)
		took := m.Creation().Took
		if err := errors.Join(err, m.Cleanup(s.Patience)); err != nil {
			return 0, fmt.Errorf("round %d: %w", i+1, err)
		}
		if opts.TrustAddresses {
			without = append(without, took)
		} else {
			with = append(with, took)
		}
	}
	return median(with) - median(without), nil
}
