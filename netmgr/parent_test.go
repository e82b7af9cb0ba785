package netmgr

import (
	"net"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestAParentIsJudgedWithWhatToDo(t *testing.T) {
	const up = net.FlagUp | net.FlagBroadcast
	const instead = "; use a wired interface: --interface lan0"
	for _, tt := range []struct {
		name string
		link netlink.LinkAttrs
		want string
	}{
		{name: "a port with a cable", link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUp}},
		{name: "a driver that does not tell its state", link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUnknown}},
		{
			name: "wireless",
			link: netlink.LinkAttrs{Name: "wlan0", EncapType: "ether", Flags: up, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUp},
			want: "wlan0 is wireless, and an access point takes only one MAC address from a station" + instead,
		},
		{
			name: "wireless, by an old driver",
			link: netlink.LinkAttrs{Name: "wlan1", EncapType: "ether", Flags: up, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUp},
			want: "wlan1 is wireless, and an access point takes only one MAC address from a station" + instead,
		},
		{
			name: "loopback",
			link: netlink.LinkAttrs{Name: "lo", EncapType: "loopback", Flags: net.FlagUp | net.FlagLoopback, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUnknown},
			want: "lo is not Ethernet (loopback), which macvlans need" + instead,
		},
		{
			name: "a tunnel",
			link: netlink.LinkAttrs{Name: "sit0", EncapType: "sit", Flags: up, RawFlags: unix.IFF_LOWER_UP, OperState: netlink.OperUp},
			want: "sit0 is not Ethernet (sit), which macvlans need" + instead,
		},
		{
			name: "down",
			link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: net.FlagBroadcast, OperState: netlink.OperDown},
			want: "eth0 is down; sudo ip link set eth0 up",
		},
		{
			name: "no cable",
			link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, OperState: netlink.OperDown},
			want: "eth0 has no carrier; plug in the cable to the router, and check the router's port",
		},
		{
			name: "no cable, by a driver that does not tell its state",
			link: netlink.LinkAttrs{Name: "eth0", EncapType: "ether", Flags: up, OperState: netlink.OperUnknown},
			want: "eth0 has no carrier; plug in the cable to the router, and check the router's port",
		},
		{
			name: "a VLAN on a port without a cable",
			link: netlink.LinkAttrs{Name: "eth0.7", EncapType: "ether", Flags: up, OperState: netlink.OperLowerLayerDown},
			want: "eth0.7 has no carrier; plug in the cable to the router, and check the router's port",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{"sys/class/net/wlan0/phy80211/index": {}, "sys/class/net/wlan1/wireless/level": {}}
			lan := netlink.LinkAttrs{Name: "lan0", Index: 1, EncapType: "ether"}
			tt.link.Index = 2
			link, why, remedy := JudgeParent(root, tt.link.Name, []netlink.Link{&netlink.Device{LinkAttrs: lan}, &netlink.Device{LinkAttrs: tt.link}})
			if why == "" {
				why, remedy = Unplugged(link)
			}
			got := ""
			if why != "" {
				got = link.Attrs().Name + " " + why + "; " + remedy
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
