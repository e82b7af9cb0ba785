package netmgr

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func via(to, gateway string) Route {
	return Route{To: netip.MustParsePrefix(to), Gateway: netip.MustParseAddr(gateway)}
}

func onLink(to string) Route { return Route{To: netip.MustParsePrefix(to)} }

func TestKernelRoutesAreOrderedSoThatGatewaysCanBeReached(t *testing.T) {
	for _, tt := range []struct {
		name    string
		address string
		routes  []Route
		want    []string
		wantErr string
	}{
		{name: "none", address: "10.77.0.10/16"},
		{
			name: "a default route", address: "10.77.0.10/16",
			routes: []Route{via("0.0.0.0/0", "10.77.0.1")},
			want:   []string{"0.0.0.0/0 via 10.77.0.1"},
		},
		{
			name: "on-link routes go first", address: "10.77.0.10/16",
			routes: []Route{via("0.0.0.0/0", "192.0.2.1"), onLink("192.0.2.1/32")},
			want:   []string{"192.0.2.1/32 scope link", "0.0.0.0/0 via 192.0.2.1"},
		},
		{
			name: "a gateway outside the subnet", address: "10.77.0.10/16",
			routes:  []Route{via("0.0.0.0/0", "10.78.0.1")},
			wantErr: "gateway 10.78.0.1 is outside 10.77.0.0/16 and no route of the lease leads to it",
		},
		{
			name: "a route by a gateway leads to no other gateway", address: "10.77.0.10/16",
			routes:  []Route{via("192.0.2.0/24", "10.77.0.1"), via("0.0.0.0/0", "192.0.2.1")},
			wantErr: "gateway 192.0.2.1 is outside 10.77.0.0/16 and no route of the lease leads to it",
		},
		{
			name: "a point-to-point subnet", address: "10.77.0.10/32",
			routes: []Route{via("0.0.0.0/0", "10.77.0.1")},
			want:   []string{"0.0.0.0/0 via 10.77.0.1 onlink"},
		},
		{
			name: "a point-to-point subnet with a route to the gateway", address: "10.77.0.10/32",
			routes: []Route{onLink("10.77.0.1/32"), via("0.0.0.0/0", "10.77.0.1")},
			want:   []string{"10.77.0.1/32 scope link", "0.0.0.0/0 via 10.77.0.1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := Lease{Address: netip.MustParsePrefix(tt.address), Routes: tt.routes}
			routes, err := kernelRoutes(l, 7)
			var got []string
			for _, r := range routes {
				if r.LinkIndex != 7 {
					t.Errorf("%s goes over link %d", r.Dst, r.LinkIndex)
				}
				got = append(got, routeText(r))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.wantErr, errorText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
