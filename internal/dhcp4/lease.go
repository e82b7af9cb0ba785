package dhcp4

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/lanstorm/lanstorm/internal/packets"
)

// Lease is what the router gave a client, judged fit for use.
type Lease struct {
	Address netip.Prefix // with the length of the subnet mask (option 1)
	Server  netip.Addr   // who gave it (option 54)
	Gateway netip.Addr   // of the default route; invalid when there is none
	Routes  []Route      // all of them, the default route included
	DNS     []netip.Addr // option 6
	Domain  string       // option 15
	Search  []string     // option 119, or Domain alone
	MTU     int          // option 26; 0 when not given

	Duration time.Duration // option 51; 0 when not given
	Renew    time.Duration // T1, option 58; half of Duration when not given
	Rebind   time.Duration // T2, option 59; seven eighths when not given
	Acquired time.Time
}

// forever is the lease time that does not end (RFC 2131 §3.3), and unstated how
// long a lease is taken for that does not say: other clients do so, too.
const (
	forever  = math.MaxUint32 * time.Second
	unstated = time.Hour
)

// End is when the address must not be used any more; zero: never.
func (l Lease) End() time.Time {
	if l.Duration >= forever {
		return time.Time{}
	}
	return l.Acquired.Add(cmp.Or(l.Duration, unstated))
}

// ended reports whether the address must not be used any more.
func (l Lease) ended() bool {
	end := l.End()
	return !end.IsZero() && !time.Now().Before(end)
}

// Same reports whether a host that has l need change nothing but its lifetime
// when it gets other.
func (l Lease) Same(other Lease) bool {
	l.Duration, l.Renew, l.Rebind, l.Acquired = other.Duration, other.Renew, other.Rebind, other.Acquired
	return reflect.DeepEqual(l, other)
}

// Term is how long the lease is for, in words.
func (l Lease) Term() string {
	switch {
	case l.Duration >= forever:
		return "ever"
	case l.Duration == 0:
		return "a time that was not told"
	}
	return l.Duration.String()
}

// Route leads to a network, by way of a gateway or, when Gateway is invalid,
// straight over the link.
type Route struct {
	To      netip.Prefix
	Gateway netip.Addr
}

// minMTU is the smallest that IPv4 can do with (RFC 791, "Fragmentation").
const minMTU = 68

// parseLease judges an OFFER or ACK. It never trusts it: a value that could
// only harm the client is an error, one that can be done without is dropped,
// with a remark.
func parseLease(msg *dhcpv4.DHCPv4) (l Lease, notes []Remark, err error) {
	note := func(what, rfc, detail string, args ...any) {
		notes = append(notes, Remark{What: what, RFC: rfc, Detail: fmt.Sprintf(detail, args...)})
	}
	l.Server = packets.Addr4(msg.ServerIdentifier())
	if !l.Server.IsValid() || l.Server.IsUnspecified() {
		return l, nil, errors.New("no server identifier (option 54)")
	}
	addr := packets.Addr4(msg.YourIPAddr)
	mask := msg.SubnetMask()
	bits, size := mask.Size()
	switch {
	case mask == nil:
		bits = classful(addr)
		note("a lease without a subnet mask (option 1)", "", "%s", addr)
	case size != 32 || bits == 0:
		return l, nil, fmt.Errorf("impossible subnet mask %s", net.IP(mask))
	}
	l.Address = netip.PrefixFrom(addr, bits)
	if err := judgeAddress(l.Address); err != nil {
		return l, nil, err
	}
	for _, ip := range msg.DNS() {
		if a := packets.Addr4(ip); a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() {
			l.DNS = append(l.DNS, a)
		}
	}
	l.Domain = DomainName(msg.DomainName())
	l.Search = searchList(msg, l.Domain)
	if msg.Options.Has(dhcpv4.OptionClasslessStaticRoute) && len(msg.ClasslessStaticRoute()) == 0 {
		note("routes that cannot be read (option 121)", "3442", "% x", msg.Options.Get(dhcpv4.OptionClasslessStaticRoute))
	}
	l.Routes = parseRoutes(msg)
	for _, r := range l.Routes {
		if r.To.Bits() == 0 {
			l.Gateway = r.Gateway
		}
	}
	if mtu := msg.Options.Get(dhcpv4.OptionInterfaceMTU); len(mtu) == 2 {
		if n := int(binary.BigEndian.Uint16(mtu)); n >= minMTU {
			l.MTU = n
		}
	}
	return l, notes, l.setTimes(msg, note)
}

// classful is the mask that an address had before there were masks (RFC 791
// §3.2), which hosts take when they are told none.
func classful(a netip.Addr) int {
	switch {
	case !a.Is4() || a.As4()[0] < 128:
		return 8
	case a.As4()[0] < 192:
		return 16
	}
	return 24
}

// setTimes reads the lease time and when to renew (T1) and rebind (T2), which
// must come in this order before its end (RFC 2131 §4.4.5); if they do not,
// the protocol's defaults take their place.
func (l *Lease) setTimes(msg *dhcpv4.DHCPv4, note func(what, rfc, detail string, args ...any)) error {
	const none = -1
	l.Duration = msg.IPAddressLeaseTime(none)
	given := msg.Options.Has(dhcpv4.OptionIPAddressLeaseTime)
	switch {
	case given && l.Duration == 0:
		return errors.New("a lease time of 0 (option 51)")
	case given && l.Duration == none:
		note("a lease time that cannot be read (option 51)", "2132 §9.2", "% x", msg.Options.Get(dhcpv4.OptionIPAddressLeaseTime))
	case !given:
		note("a lease without a lease time (option 51)", "2131 §4.3.1", "%s", l.Address.Addr())
	}
	l.Duration = max(l.Duration, 0)
	term := cmp.Or(l.Duration, unstated)
	half, most := term/2, term/8*7
	l.Renew, l.Rebind = msg.IPAddressRenewalTime(half), msg.IPAddressRebindingTime(most)
	if l.Renew <= 0 || l.Renew > l.Rebind || l.Rebind > term || l.Renew == term {
		note("T1 and T2 out of order (options 58, 59)", "2131 §4.4.5", "T1 %s, T2 %s of %s", l.Renew, l.Rebind, term)
		l.Renew, l.Rebind = half, most
	}
	return nil
}

// judgeAddress refuses what cannot be a host's address in its subnet.
func judgeAddress(p netip.Prefix) error {
	a := p.Addr()
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLoopback(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no host's address", a)
	case p.Bits() < 31 && a == p.Masked().Addr():
		return fmt.Errorf("%s is the network address of %s", a, p.Masked())
	case p.Bits() < 31 && a == broadcast(p):
		return fmt.Errorf("%s is the broadcast address of %s", a, p.Masked())
	}
	return nil
}

// broadcast is the last address of an IPv4 network.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	host := ^uint32(0) >> p.Bits()
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(a[:])|host)))
}

// parseRoutes returns the routes of option 121, or else the default route by
// the first router of option 3: who sends both wants only 121 (RFC 3442).
func parseRoutes(msg *dhcpv4.DHCPv4) (routes []Route) {
	if classless := msg.ClasslessStaticRoute(); len(classless) > 0 {
		for _, r := range classless {
			bits, _ := r.Dest.Mask.Size()
			to := netip.PrefixFrom(packets.Addr4(r.Dest.IP), bits).Masked()
			gateway := packets.Addr4(r.Router)
			if gateway.IsUnspecified() { // on this link
				gateway = netip.Addr{}
			}
			if to.IsValid() {
				routes = append(routes, Route{to, gateway})
			}
		}
		return routes
	}
	for _, ip := range msg.Router() {
		if a := packets.Addr4(ip); a.IsValid() && !a.IsUnspecified() {
			return []Route{{netip.PrefixFrom(netip.IPv4Unspecified(), 0), a}}
		}
	}
	return nil
}

func searchList(msg *dhcpv4.DHCPv4, domain string) (search []string) {
	if labels := msg.DomainSearch(); labels != nil {
		for _, l := range labels.Labels {
			if name := DomainName(l); name != "" {
				search = append(search, name)
			}
		}
	}
	if search == nil && domain != "" {
		search = []string{domain}
	}
	return search
}

// safeName is all that may reach resolv.conf, so that no server can write a
// line of it.
var safeName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)

// DomainName returns s as a domain name, empty when it is not one. Some
// servers end it with a dot or a NUL.
func DomainName(s string) string {
	s = strings.TrimSuffix(strings.TrimRight(s, "\x00"), ".")
	if len(s) > 253 || !safeName.MatchString(s) {
		return ""
	}
	return s
}

// Check says what is wrong with a lease as one from router: the address must
// be a host's in the router's subnet, the gateway another host's there, the
// lease time above zero. An invalid router stands for the lease's own gateway.
func (l Lease) Check(router netip.Addr) error {
	if !router.IsValid() {
		router = l.Gateway
	}
	switch addr, subnet := l.Address.Addr(), l.Address.Masked(); {
	case !l.Gateway.IsValid():
		return fmt.Errorf("the lease from %s names no gateway (option 3)", l.Server)
	case !subnet.Contains(router):
		return fmt.Errorf("%s is not in the subnet of the router %s", l.Address, router)
	case !subnet.Contains(l.Gateway):
		return fmt.Errorf("the gateway %s is outside the subnet %s", l.Gateway, subnet)
	case addr == router || addr == l.Gateway:
		return fmt.Errorf("%s is the router's own address", addr)
	case l.Duration <= 0:
		return fmt.Errorf("the lease from %s has no lease time (option 51)", l.Server)
	}
	return judgeAddress(l.Address)
}

// ResolvConf is the lease in the words of resolv.conf(5), with these name
// servers.
func (l Lease) ResolvConf(servers []netip.Addr) string {
	var b strings.Builder
	if len(l.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(l.Search, " "))
	}
	for _, server := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	return b.String()
}
