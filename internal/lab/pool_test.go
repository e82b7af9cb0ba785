package lab

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// addrs are three of a pool, and one behind its end. They cross an octet.
var addrs = []netip.Addr{
	netip.MustParseAddr("10.77.0.254"),
	netip.MustParseAddr("10.77.0.255"),
	netip.MustParseAddr("10.77.1.0"),
	netip.MustParseAddr("10.77.1.1"),
}

// none asks for no address in particular, or expects that there is none left.
const none = -1

func addrAt(i int) netip.Addr {
	if i == none {
		return netip.Addr{}
	}
	return addrs[i]
}

// A step does something to a pool and returns what was wrong with the outcome.
type step func(*pool) string

func offers(client string, asked, want int) step {
	return func(p *pool) string {
		got, ok := p.offer(client, addrAt(asked), false)
		if got != addrAt(want) || ok != (want != none) {
			return fmt.Sprintf("%s was offered %v, %v, want %v", client, got, ok, addrAt(want))
		}
		return ""
	}
}

func confirms(client string, i int) step { return confirming(client, i, true) }
func refuses(client string, i int) step  { return confirming(client, i, false) }

func confirming(client string, i int, want bool) step {
	return func(p *pool) string {
		if got := p.confirm(client, addrAt(i), time.Hour); got != want {
			return fmt.Sprintf("confirm of %v for %s: %v, want %v", addrAt(i), client, got, want)
		}
		return ""
	}
}

func releases(client string, i int) step {
	return func(p *pool) string { p.release(client, addrAt(i)); return "" }
}

func withholds(client string, i int) step {
	return func(p *pool) string { p.withhold(client, addrAt(i), time.Hour); return "" }
}

// expires lets time pass for whoever holds an address.
func expires(i int) step {
	return func(p *pool) string {
		b := p.byAddr[addrAt(i)]
		if b == nil {
			return fmt.Sprintf("nobody holds %v", addrAt(i))
		}
		b.expires = time.Now().Add(-time.Second)
		return ""
	}
}

func holds(leases int) step {
	return func(p *pool) string {
		if got := p.leases(); got != leases {
			return fmt.Sprintf("%d leases, want %d", got, leases)
		}
		return ""
	}
}

func TestPool(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"clients get the lowest addresses in turn", []step{
			offers("a", none, 0), offers("b", none, 1), offers("c", none, 2),
		}},
		{"a client gets its own address again", []step{
			offers("a", none, 0), offers("a", none, 0), offers("b", none, 1),
			confirms("b", 1), offers("b", none, 1), confirms("b", 1), holds(1),
		}},
		{"a client gets its own address again although it asks for another", []step{
			offers("a", none, 0), offers("a", 2, 0),
		}},
		{"the address asked for is given when it is free", []step{
			offers("a", 2, 2), offers("b", 2, 0), offers("c", none, 1), offers("d", none, none),
		}},
		{"an address outside the pool is not given though asked for", []step{
			offers("a", 3, 0), refuses("a", 3), confirms("a", 0),
		}},
		{"a full pool offers nothing, not even when asked for an address of its own", []step{
			offers("a", none, 0), offers("b", none, 1), offers("c", none, 2),
			offers("d", none, none), offers("d", 1, none),
		}},
		{"a released address is used again once the others are used up", []step{
			offers("a", none, 0), confirms("a", 0), holds(1), releases("a", 0), holds(0),
			offers("b", none, 1), offers("c", none, 2), offers("d", none, 0), offers("e", none, none),
		}},
		{"a client cannot release what is not its own", []step{
			offers("a", none, 0), confirms("a", 0), offers("b", none, 1), confirms("b", 1),
			releases("b", 0), releases("c", 0), releases("a", 1), holds(2), refuses("b", 0),
		}},
		{"another client's address is refused", []step{
			offers("a", none, 0), refuses("b", 0), confirms("a", 0), refuses("b", 0), holds(1),
		}},
		{"a refused client takes no address out of the pool", []step{
			offers("a", none, 0), refuses("b", 0), refuses("b", 3), refuses("b", none),
			offers("b", none, 1), offers("c", none, 2),
		}},
		{"a client that nobody remembers may keep an address that is free", []step{
			confirms("a", 1), holds(1), offers("b", none, 0), offers("c", none, 2), offers("a", none, 1),
		}},
		{"a client that moves gives its old address up", []step{
			offers("a", none, 0), confirms("a", 0), confirms("a", 2), holds(1),
			offers("b", none, 1), offers("c", none, 0), offers("d", none, none),
		}},
		{"a refused move leaves a client where it was", []step{
			offers("a", none, 0), confirms("a", 0), offers("b", none, 1), confirms("b", 1),
			refuses("b", 0), holds(2), offers("b", none, 1),
		}},
		{"an offer is not a lease", []step{
			offers("a", none, 0), holds(0), confirms("a", 0), holds(1),
		}},
		{"an expired offer is free for others", []step{
			offers("a", none, 0), offers("b", none, 1), offers("c", none, 2), offers("d", none, none),
			expires(1), offers("d", none, 1), offers("b", none, none), refuses("b", 1),
		}},
		{"an expired lease is free for others, and no longer counts", []step{
			offers("a", none, 0), confirms("a", 0), expires(0), holds(0),
			offers("b", 0, 0), confirms("b", 0), refuses("a", 0), holds(1),
		}},
		{"a lease that expired is renewed while nobody has taken it", []step{
			offers("a", none, 0), confirms("a", 0), expires(0), confirms("a", 0), holds(1), refuses("b", 0),
		}},
		{"a withheld address is given to nobody until its time is over", []step{
			offers("a", none, 0), confirms("a", 0), withholds("a", 0), holds(0),
			offers("a", 0, 1), offers("b", none, 2), offers("c", none, none), refuses("c", 0),
			expires(0), offers("c", none, 0),
		}},
		{"a client cannot have another's address withheld", []step{
			offers("a", none, 0), confirms("a", 0), withholds("b", 0), holds(1),
			offers("b", none, 1), offers("c", none, 2), releases("a", 0), offers("d", none, 0),
		}},
		{"withholding what is not of the pool takes nothing out of it", []step{
			withholds("a", 3), withholds("a", none),
			offers("a", none, 0), offers("b", none, 1), offers("c", none, 2),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPool(addrs[0], 3)
			for i, s := range tt.steps {
				if wrong := s(p); wrong != "" {
					t.Fatalf("step %d: %s", i+1, wrong)
				}
			}
		})
	}
}

func TestNthCarriesOverOctets(t *testing.T) {
	for _, tt := range []struct {
		from string
		n    int
		want string
	}{
		{"10.77.0.0", 0, "10.77.0.0"},
		{"10.77.0.0", 10, "10.77.0.10"},
		{"10.77.0.250", 10, "10.77.1.4"},
		{"10.77.255.255", 1, "10.78.0.0"},
		{"10.255.255.255", 1, "11.0.0.0"},
		{"10.77.0.10", 4999, "10.77.19.145"},
		{"192.168.0.0", 65536, "192.169.0.0"},
	} {
		if got := nth(netip.MustParseAddr(tt.from), tt.n); got.String() != tt.want {
			t.Errorf("%d after %s is %s, want %s", tt.n, tt.from, got, tt.want)
		}
	}
}
