package netmgr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestTheFirstAddressThatAnswersCounts(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
	const never = time.Hour
	refused := errors.New("refused")
	type answer struct {
		after time.Duration
		err   error
	}
	for _, tt := range []struct {
		name    string
		answers []answer // of the addresses
		want    int      // the address; -1: none
		after   time.Duration
	}{
		{"the first", []answer{{after: 10 * time.Millisecond}}, 0, 10 * time.Millisecond},
		{"the first is silent", []answer{{after: never}, {after: 10 * time.Millisecond}}, 1, 260 * time.Millisecond},
		{"the first refuses", []answer{{10 * time.Millisecond, refused}, {after: 10 * time.Millisecond}}, 1, 20 * time.Millisecond},
		{"the first is slower than the second", []answer{{after: 400 * time.Millisecond}, {after: 10 * time.Millisecond}}, 1, 260 * time.Millisecond},
		{"the first is slow, but quicker than the second", []answer{{after: 300 * time.Millisecond}, {after: 100 * time.Millisecond}}, 0, 300 * time.Millisecond},
		{"the first two are silent", []answer{{after: never}, {after: never}, {after: 10 * time.Millisecond}}, 2, 510 * time.Millisecond},
		{"all refuse", []answer{{10 * time.Millisecond, refused}, {0, refused}}, -1, 10 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var opened []net.Conn
				start := time.Now()
				conn, err := first(addrs[:len(tt.answers)], func(addr netip.Addr) (net.Conn, error) {
					i := int(addr.As4()[3]) - 1
					time.Sleep(tt.answers[i].after)
					if err := tt.answers[i].err; err != nil {
						return nil, err
					}
					near, far := net.Pipe()
					mu.Lock()
					defer mu.Unlock()
					opened = append(opened, far)
					return &numbered{near, i}, nil
				})
				if took := time.Since(start); took != tt.after {
					t.Errorf("after %s, want %s", took, tt.after)
				}
				if tt.want < 0 {
					if want := "refused; refused"; err == nil || err.Error() != want || !errors.Is(err, refused) {
						t.Errorf("%v, want %s", err, want)
					}
					return
				}
				if err != nil || conn.(*numbered).number != tt.want {
					t.Fatalf("%v, %v", conn, err)
				}
				time.Sleep(2 * never)
				conn.Close()
				mu.Lock()
				defer mu.Unlock()
				for _, far := range opened {
					if _, err := far.Read(make([]byte, 1)); err == nil {
						t.Error("a connection that came too late is still open")
					}
				}
			})
		})
	}
}

func TestFamiliesTakeTurns(t *testing.T) {
	for _, tt := range []struct{ name, addrs, want string }{
		{"IPv4 alone", "192.0.2.2 192.0.2.1", "192.0.2.2 192.0.2.1"},
		{"IPv6 alone", "2001:db8::2 2001:db8::1", "2001:db8::2 2001:db8::1"},
		{"more of IPv4", "192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1", "2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3"},
		{"more of IPv6", "2001:db8::1 2001:db8::2 192.0.2.1 2001:db8::3", "2001:db8::1 192.0.2.1 2001:db8::2 2001:db8::3"},
		{"as many of each", "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2", "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var addrs []netip.Addr
			for _, text := range strings.Fields(tt.addrs) {
				addrs = append(addrs, netip.MustParseAddr(text))
			}
			if got := strings.Trim(fmt.Sprint(inTurns(addrs)), "[]"); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// LookupBoth is LookupNetIP of a client with addresses of both families.
func LookupBoth(ctx context.Context, c *Client, name string) ([]netip.Addr, error) {
	return c.Resolver().lookup(ctx, name, []uint16{dns.TypeAAAA, dns.TypeA})
}

type numbered struct {
	net.Conn
	number int
}
