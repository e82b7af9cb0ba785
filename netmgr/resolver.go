package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/lanstorm/lanstorm/internal/guard"
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

// LookupNetIP returns the addresses of host, at least one, those of IPv6 first.
// network is "ip4", "ip6" or "ip": of both families, but names are looked up for
// those alone of which the client has an address itself, a global one (as
// AI_ADDRCONFIG of RFC 3493 §6.1). An address is returned as it is. A name without
// a dot is tried in the domains of the lease's search list first. The error names
// the servers asked and what each said.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	var types []uint16
	if network == "ip6" || network == "ip" && r.c.hasIPv6() {
		types = append(types, dns.TypeAAAA)
	}
	if network == "ip4" || network == "ip" && (r.c.hasIPv4() || types == nil) {
		types = append(types, dns.TypeA)
	}
	if types == nil {
		return nil, fmt.Errorf("lookup %s: %w", host, net.UnknownNetworkError(network))
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); network != "ip" && addr.Is4() != (network == "ip4") {
			return nil, fmt.Errorf("lookup %s: not an %s address", host, family(types[0]))
		}
		// Names of links are not looked up: they are those of another namespace.
		if _, err := strconv.ParseUint("0"+addr.Zone(), 10, 32); err != nil {
			return nil, fmt.Errorf("lookup %s: the zone is not the index of a link", host)
		}
		return []netip.Addr{addr}, nil
	}
	if _, ok := dns.IsDomainName(host); !ok {
		return nil, fmt.Errorf("lookup %s: not a domain name", host)
	}
	var err error
	for _, name := range r.candidates(host) {
		var addrs []netip.Addr
		if addrs, err = r.lookup(ctx, name, types); err == nil {
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
	for _, domain := range r.c.Lease().Search {
		names = append(names, dns.Fqdn(host+"."+domain))
	}
	return append(names, dns.Fqdn(host))
}

// family is the one whose addresses are in records of a type.
func family(kind uint16) string {
	if kind == dns.TypeAAAA {
		return "IPv6"
	}
	return "IPv4"
}

func (r *Resolver) lookup(ctx context.Context, name string, types []uint16) ([]netip.Addr, error) {
	servers := r.c.nameServers(r.c.Lease())
	switch {
	case len(servers) == 0 && r.c.hasIPv6():
		return nil, errors.New("nobody names a DNS server: not DHCP (option 6), no router advertisement and not DHCPv6 (option 23)")
	case len(servers) == 0 && !r.c.HasLease():
		return nil, fmt.Errorf("the client has no address: %w", r.c.Missing())
	case len(servers) == 0:
		return nil, errors.New("the lease names no DNS server (option 6)")
	}
	var errs []error
	for _, server := range servers {
		addrs, err := r.askServer(ctx, server, name, types)
		if err == nil {
			return addrs, nil
		}
		errs = append(errs, fmt.Errorf("%s %w", server.WithZone(""), err))
		if errors.Is(err, errNoSuchName) { // an answer, if not the hoped-for one
			break
		}
	}
	return nil, oneLine{errs}
}

var errNoSuchName = errors.New("says there is no such name")

// noAddress is said by a server that knows a name, but no address of a family.
type noAddress string

func (family noAddress) Error() string {
	return fmt.Sprintf("knows the name but no %s address of it", string(family))
}

// askServer asks for all types side by side. If there are addresses, what became of
// the other answer does not matter.
func (r *Resolver) askServer(ctx context.Context, server netip.Addr, name string, types []uint16) ([]netip.Addr, error) {
	answers := make([][]netip.Addr, len(types))
	errs := guard.Each(len(types), len(types), func(i int) (err error) {
		answers[i], err = r.ask(ctx, server, name, types[i])
		return err
	})
	if addrs := slices.Concat(answers...); len(addrs) > 0 {
		return addrs, nil
	}
	var none noAddress
	switch {
	case len(errs) == 1 || errs[0].Error() == errs[1].Error():
		return nil, errs[0]
	case errors.As(errs[0], &none) && errors.As(errs[1], &none):
		return nil, noAddress("IPv4 or IPv6")
	}
	return nil, fmt.Errorf("%w (AAAA) and %w (A)", errs[0], errs[1])
}

func (r *Resolver) ask(ctx context.Context, server netip.Addr, name string, kind uint16) ([]netip.Addr, error) {
	query := new(dns.Msg).SetQuestion(name, kind)
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
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A.To4()
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok && rr.Header().Rrtype == kind { // a record may come without its data
			addrs = append(addrs, addr)
		}
	}
	if addrs == nil {
		return nil, noAddress(family(kind))
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
