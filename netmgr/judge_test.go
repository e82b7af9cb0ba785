package netmgr

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// routeText shows a route as ip-route(8) does.
func routeText(r netlink.Route) string {
	text := r.Dst.String()
	if r.Gw != nil {
		text += " via " + r.Gw.String()
	}
	if r.Scope == netlink.SCOPE_LINK {
		text += " scope link"
	}
	if r.Flags&int(netlink.FLAG_ONLINK) != 0 {
		text += " onlink"
	}
	return text
}

func TestCheckSaysWhatIsWrongWithALease(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		address, gateway, router string
		duration                 time.Duration
		want                     string
	}{
		{name: "sound", address: "10.77.0.10/16", gateway: "10.77.0.1", router: "10.77.0.1", duration: time.Hour},
		{name: "sound, the router not known", address: "10.77.0.10/16", gateway: "10.77.0.1", duration: time.Hour},
		{name: "a gateway that is not the router", address: "10.77.0.10/16", gateway: "10.77.0.2", router: "10.77.0.1", duration: time.Hour},
		{
			name: "no gateway", address: "10.77.0.10/16", router: "10.77.0.1", duration: time.Hour,
			want: "the lease from 10.77.0.1 names no gateway (option 3)",
		},
		{
			name: "no gateway, the router not known", address: "10.77.0.10/16", duration: time.Hour,
			want: "the lease from 10.77.0.1 names no gateway (option 3)",
		},
		{
			name: "another subnet than the router's", address: "192.168.7.10/24", gateway: "192.168.7.1", router: "10.77.0.1", duration: time.Hour,
			want: "192.168.7.10/24 is not in the subnet of the router 10.77.0.1",
		},
		{
			name: "a gateway outside the subnet", address: "10.77.0.10/24", gateway: "10.77.9.1", router: "10.77.0.1", duration: time.Hour,
			want: "the gateway 10.77.9.1 is outside the subnet 10.77.0.0/24",
		},
		{
			name: "the router's own address", address: "10.77.0.1/16", gateway: "10.77.0.2", router: "10.77.0.1", duration: time.Hour,
			want: "10.77.0.1 is the router's own address",
		},
		{
			name: "the gateway's own address", address: "10.77.0.2/16", gateway: "10.77.0.2", router: "10.77.0.1", duration: time.Hour,
			want: "10.77.0.2 is the router's own address",
		},
		{
			name: "no lease time", address: "10.77.0.10/16", gateway: "10.77.0.1", router: "10.77.0.1",
			want: "the lease from 10.77.0.1 has no lease time (option 51)",
		},
		{
			name: "the network address", address: "10.77.0.0/16", gateway: "10.77.0.1", router: "10.77.0.1", duration: time.Hour,
			want: "10.77.0.0 is the network address of 10.77.0.0/16",
		},
		{
			name: "the broadcast address", address: "10.77.255.255/16", gateway: "10.77.0.1", router: "10.77.0.1", duration: time.Hour,
			want: "10.77.255.255 is the broadcast address of 10.77.0.0/16",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var gateway, router netip.Addr // invalid where the table says nothing
			if tt.gateway != "" {
				gateway = netip.MustParseAddr(tt.gateway)
			}
			if tt.router != "" {
				router = netip.MustParseAddr(tt.router)
			}
			l := Lease{
				Server:  netip.MustParseAddr("10.77.0.1"),
				Address: netip.MustParsePrefix(tt.address), Gateway: gateway, Duration: tt.duration,
			}
			if diff := cmp.Diff(tt.want, errorText(l.Check(router))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDuplicatesNameEachLaterClient(t *testing.T) {
	m := &NetworkManager{}
	for _, c := range []struct{ name, address string }{
		{"ns1", "10.77.0.10/16"}, {"ns2", "10.77.0.11/16"}, {"ns3", "10.77.0.10/16"},
		{"ns4", "10.77.0.12/16"}, {"ns5", "10.77.0.10/24"},
	} {
		client := &Client{Name: c.name}
		client.wanted.Store(&Lease{Address: netip.MustParsePrefix(c.address)})
		m.clients = append(m.clients, client)
	}
	got := map[string]string{}
	for _, p := range m.Duplicates() {
		got[p.Client] = p.Err.Error()
	}
	want := map[string]string{"ns3": "has 10.77.0.10, which is ns1's too", "ns5": "has 10.77.0.10, which is ns1's too"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
