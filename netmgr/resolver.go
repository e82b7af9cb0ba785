package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Resolver looks names up the way a client of the LAN does: it asks the name
// servers of the client's lease, from inside the client's namespace, over UDP
// and, for an answer that does not fit, TCP (RFC 1035, RFC 7766). The host's
// own resolv.conf, hosts file and cache play no part.
type Resolver struct{ c *Client }

// Resolver is the client's resolver.
func (c *Client) Resolver() *Resolver { return &Resolver{c} }

// queryTime and queryTries are for one server: the defaults of resolv.conf(5)
// but for a shorter wait.
const (
	queryTime  = 2 * time.Second
	queryTries = 2
)

// LookupNetIP returns the IPv4 addresses of host, at least one. network is
// "ip" or "ip4". An address is returned as it is. A name without a dot is
// tried in the domains of the lease's search list first. The error names the
// servers asked and what each said.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" && network != "ip4" {
		return nil, fmt.Errorf("lookup %s: network %q is not supported yet", host, network)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); !addr.Is4() {
			return nil, fmt.Errorf("lookup %s: not an IPv4 address", host)
		}
		return []netip.Addr{addr}, nil
	}
	if _, ok := dns.IsDomainName(host); !ok {
		return nil, fmt.Errorf("lookup %s: not a domain name", host)
	}
	var err error
	for _, name := range r.candidates(host) {
		var addrs []netip.Addr
		if addrs, err = r.lookup(ctx, name); err == nil {
			return addrs, nil
		}
	}
	return nil, fmt.Errorf("lookup %s: %w", host, err)
}

func (r *Resolver) candidates(host string) []string {
	if strings.Contains(host, ".") {
		return []string{dns.Fqdn(host)}
	}
	var names []string
	for _, domain := range r.c.search() {
		names = append(names, dns.Fqdn(host+"."+domain))
	}
	return append(names, dns.Fqdn(host))
}

func (r *Resolver) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	servers := r.c.nameServers()
	switch {
	case len(servers) == 0 && !r.c.HasLease():
		return nil, fmt.Errorf("the client has no address: %w", r.c.Missing())
	case len(servers) == 0:
		return nil, errors.New("the lease names no DNS server (option 6)")
	}
	var errs []error
	for _, server := range servers {
		addrs, err := r.askServer(ctx, server, name)
		if err == nil {
			return addrs, nil
		}
		errs = append(errs, fmt.Errorf("%s %w", server, err))
		if errors.Is(err, errNoSuchName) { // an answer, if not the hoped-for one
			break
		}
	}
	return nil, oneLine{errs}
}

var errNoSuchName = errors.New("says there is no such name")

func (r *Resolver) askServer(ctx context.Context, server netip.Addr, name string) ([]netip.Addr, error) {
	query := new(dns.Msg).SetQuestion(name, dns.TypeA)
	resp, err := r.exchange(ctx, "udp", server, query)
	for try := 1; err != nil && ctx.Err() == nil && try < queryTries; try++ {
		resp, err = r.exchange(ctx, "udp", server, query)
	}
	if err == nil && resp.Truncated {
		resp, err = r.exchange(ctx, "tcp", server, query)
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("was not waited for: %w", context.Cause(ctx))
	case isTimeout(err):
		return nil, fmt.Errorf("did not answer in %s (%d queries sent)", queryTime*queryTries, queryTries)
	case err != nil:
		return nil, fmt.Errorf("could not be asked: %w", err)
	case resp.Rcode == dns.RcodeNameError:
		return nil, errNoSuchName
	case resp.Rcode != dns.RcodeSuccess:
		return nil, fmt.Errorf("says %s", dns.RcodeToString[resp.Rcode])
	}
	var addrs []netip.Addr
	for _, rr := range resp.Answer {
		if a, ok := rr.(*dns.A); ok && packets.Addr4(a.A).IsValid() { // a record may come without its data
			addrs = append(addrs, packets.Addr4(a.A))
		}
	}
	if addrs == nil {
		return nil, errors.New("knows the name but no IPv4 address of it")
	}
	return addrs, nil
}

func (r *Resolver) exchange(ctx context.Context, network string, server netip.Addr, query *dns.Msg) (*dns.Msg, error) {
	brief, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	conn, err := r.c.dial(brief, network, netip.AddrPortFrom(server, 53))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// dns.Client heeds the deadline of a context but not its cancellation.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	client := dns.Client{Timeout: queryTime}
	resp, _, err := client.ExchangeWithConnContext(brief, query, &dns.Conn{Conn: conn})
	return resp, err
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
