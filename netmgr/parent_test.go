package netmgr

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

func TestJudgeParentSaysWhatToDo(t *testing.T) {
	const up = net.FlagUp | net.FlagBroadcast
	for _, tt := range []struct {
		name     string
		link     netlink.LinkAttrs
		wireless bool
		want     string
	}{
		{name: "a port with a cable", link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, OperState: netlink.OperUp}},
		{name: "a driver that does not tell its state", link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, OperState: netlink.OperUnknown}},
		{
			name: "wireless", wireless: true,
			link: netlink.LinkAttrs{Name: "wlan0", EncapType: "ether", Flags: up, OperState: netlink.OperUp},
			want: "interface wlan0: wireless; an access point accepts only one MAC address per station, so use a wired interface",
		},
		{
			name: "loopback",
			link: netlink.LinkAttrs{Name: "lo", EncapType: "loopback", Flags: net.FlagUp | net.FlagLoopback, OperState: netlink.OperUnknown},
			want: "interface lo: not Ethernet (loopback), which macvlans need",
		},
		{
			name: "a tunnel",
			link: netlink.LinkAttrs{Name: "sit0", EncapType: "sit", Flags: up, OperState: netlink.OperUp},
			want: "interface sit0: not Ethernet (sit), which macvlans need",
		},
		{
			name: "down",
			link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: net.FlagBroadcast, OperState: netlink.OperDown},
			want: "interface eth0: down; bring it up with: ip link set eth0 up",
		},
		{
			name: "no cable",
			link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, OperState: netlink.OperDown},
			want: "interface eth0: no carrier; plug in the cable to the router and check the router's port",
		},
		{
			name: "a VLAN on a port without a cable",
			link: netlink.LinkAttrs{Name: "eth0.7", EncapType: "ether", Flags: up, OperState: netlink.OperLowerLayerDown},
			want: "interface eth0.7: no carrier; plug in the cable to the router and check the router's port",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := judgeParent(tt.link, tt.wireless); err != nil {
				got = err.Error()
				if !errors.As(err, new(*RefusedError)) {
					t.Errorf("%T, want a *RefusedError", err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
