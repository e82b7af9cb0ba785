package doctor

import (
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

// links are those of a Pi with a USB adapter, Wi-Fi, a tunnel, and a bridge
// and a bond that have a port each.
var links = map[string]string{
	"sys/class/net/lo/type":              "772\n",
	"sys/class/net/lo/flags":             "0x9\n",
	"sys/class/net/eth0/type":            "1\n",
	"sys/class/net/eth0/flags":           "0x1003\n",
	"sys/class/net/eth0/address":         "dc:a6:32:00:00:01\n",
	"sys/class/net/eth0/mtu":             "1500\n",
	"sys/class/net/eth0/device":          "/",
	"sys/class/net/eth1/type":            "1\n",
	"sys/class/net/eth1/flags":           "0x1003\n",
	"sys/class/net/eth1/device":          "/",
	"sys/class/net/wlan0/type":           "1\n",
	"sys/class/net/wlan0/flags":          "0x1003\n",
	"sys/class/net/wlan0/device":         "/",
	"sys/class/net/wlan0/phy80211":       "->../../ieee80211/phy0",
	"sys/class/ieee80211/phy0/index":     "0\n",
	"sys/class/net/wg0/type":             "65534\n",
	"sys/class/net/wg0/flags":            "0x91\n",
	"sys/class/net/veth0/type":           "1\n",
	"sys/class/net/veth0/flags":          "0x1003\n",
	"sys/class/net/port0/type":           "1\n",
	"sys/class/net/port0/flags":          "0x1003\n",
	"sys/class/net/port0/brport":         "/",
	"sys/class/net/port0/master":         "->../br0",
	"sys/class/net/port1/type":           "1\n",
	"sys/class/net/port1/flags":          "0x1803\n",
	"sys/class/net/port1/bonding_slave":  "/",
	"sys/class/net/bonding_masters":      "bond0\n", // a file among the folders
	"sys/class/net/eth0/statistics/junk": "0\n",
}

func TestCheckParent(t *testing.T) {
	for _, tt := range []struct {
		link, want string
	}{
		{link: "eth0", want: "ok: eth0 is Ethernet (dc:a6:32:00:00:01, MTU 1500)"},
		{link: "eth9", want: `problem: there is no interface "eth9" -> use a wired interface: --interface eth0, or eth1`},
		{link: "../net/eth0", want: `problem: there is no interface "../net/eth0" -> use a wired interface: --interface eth0, or eth1`},
		{link: "bonding_masters", want: "problem: bonding_masters is not Ethernet, which macvlans need -> use a wired interface: --interface eth0, or eth1"},
		{link: "lo", want: "problem: lo is not Ethernet, which macvlans need -> use a wired interface: --interface eth0, or eth1"},
		{link: "wg0", want: "problem: wg0 is not Ethernet, which macvlans need -> use a wired interface: --interface eth0, or eth1"},
		{link: "wlan0", want: "problem: wlan0 is wireless, and an access point takes only one MAC address from a station -> use a wired interface: --interface eth0, or eth1"},
		{link: "port0", want: "problem: port0 belongs to the bridge br0, so no macvlan can be made on it -> use the bridge: --interface br0"},
		{link: "port1", want: "problem: port1 belongs to a bond, so no macvlan can be made on it -> use the bond"},
	} {
		t.Run(tt.link, func(t *testing.T) {
			e := examine(t, Options{Interface: tt.link}, links)
			got := e.checkParent()
			compare(t, tt.want, got)
			if e.known[fitParent] != (got.Status == OK) {
				t.Errorf("counts as fit: %t", e.known[fitParent])
			}
		})
	}
}

func TestOtherParent(t *testing.T) {
	wifi := map[string]string{"sys/class/net/wlan0/type": "1\n", "sys/class/net/wlan0/flags": "0x1003\n", "sys/class/net/wlan0/wireless": "/"}
	veth := map[string]string{"sys/class/net/veth0/type": "1\n", "sys/class/net/veth0/flags": "0x1003\n"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"without a list nothing is named", nil, "use a wired interface, or --interface lab"},
		{"Wi-Fi will not do", wifi, "this machine has no interface that would do: connect one, or use --interface lab"},
		{"a link without hardware is better than none", both(wifi, veth), "use a wired interface: --interface veth0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := examine(t, Options{Interface: "wlan0"}, tt.files).otherParent(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckLink(t *testing.T) {
	link := func(flags, state, carrier string) map[string]string {
		files := map[string]string{"sys/class/net/eth0/flags": flags, "sys/class/net/eth0/operstate": state}
		if carrier != "" { // reading it fails while the link is down
			files["sys/class/net/eth0/carrier"] = carrier
		}
		return files
	}
	const unplugged = "problem: eth0 has no carrier -> plug in the cable to the router, and check the router's port"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a port with a cable", link("0x1003\n", "up\n", "1\n"), "ok: eth0 is up and has a carrier"},
		{"a driver that does not tell its state", link("0x1003\n", "unknown\n", "1\n"), "ok: eth0 is up and has a carrier"},
		{"switched off", link("0x1002\n", "down\n", ""), "problem: eth0 is down -> sudo ip link set eth0 up"},
		{"no cable", link("0x1003\n", "down\n", "0\n"), unplugged},
		{"no cable, by a driver that does not tell its state", link("0x1003\n", "unknown\n", "0\n"), unplugged},
		{"a VLAN on a port without a cable", link("0x1003\n", "lowerlayerdown\n", "0\n"), unplugged},
		{"a port that waits for a password", link("0x1003\n", "dormant\n", "1\n"), "warning: eth0 has a carrier but is dormant -> look at what the port waits for, for example 802.1X"},
		{"a port that went away", nil, "skipped: cannot be told: open sys/class/net/eth0/flags: file does not exist"},
		{"a link that tells nothing", map[string]string{"sys/class/net/eth0/flags": "0x1003\n"}, "skipped: cannot be told: open sys/class/net/eth0/operstate: file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0"}, tt.files)
			got := e.checkLink()
			compare(t, tt.want, got)
			if e.known[hasCarrier] != (got.Status == OK || got.Status == Warning) {
				t.Errorf("counts as usable: %t", e.known[hasCarrier])
			}
		})
	}
}

func TestCheckSpeed(t *testing.T) {
	const remedy = " -> look at the cable and at the settings of the router's port"
	for _, tt := range []struct{ name, speed, duplex, want string }{
		{"gigabit", "1000\n", "full\n", "ok: 1000 Mb/s, for all clients together"},
		{"a Pi 3", "100\n", "full\n", "ok: 100 Mb/s, for all clients together"},
		{"a bad cable", "10\n", "full\n", "warning: 10 Mb/s, for all clients together" + remedy},
		{"a port set by hand", "100\n", "half\n", "warning: 100 Mb/s, half duplex: collisions will look like the router's losses" + remedy},
		{"a driver that does not know", "-1\n", "unknown\n", "skipped: the driver of eth0 does not tell"},
		{"a driver that does not answer", "", "", "skipped: the driver of eth0 does not tell"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0"}, map[string]string{"sys/class/net/eth0/speed": tt.speed, "sys/class/net/eth0/duplex": tt.duplex})
			compare(t, tt.want, e.checkSpeed())
		})
	}
}

// TestRealLinksAreJudgedAsTheKernelJudges makes macvlans on what checkParent
// accepts and refuses.
func TestRealLinksAreJudgedAsTheKernelJudges(t *testing.T) {
	nstest.Need(t)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "docbr"}}
	port := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "docport"}, PeerName: "docport-peer"}
	for _, l := range []netlink.Link{bridge, port} {
		if err := netlink.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { netlink.LinkDel(l) })
	}
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"docbr": true, "docport": false, "docport-peer": true, "lo": false} {
		t.Run(name, func(t *testing.T) {
			e := newExam(t.Context(), Options{Interface: name}, os.DirFS("/"))
			check := e.checkParent()
			made := netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "docmv", ParentIndex: indexOf(t, name)}, Mode: netlink.MACVLAN_MODE_BRIDGE})
			if made == nil {
				defer netlink.LinkDel(&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "docmv"}})
			}
			if accepted := check.Status == OK; accepted != want || (made == nil) != want {
				t.Errorf("%+v; the kernel says: %v", check, made)
			}
		})
	}
}

func indexOf(t *testing.T, name string) int {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Index
}
