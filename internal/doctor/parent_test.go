package doctor

import (
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/lanstorm/lanstorm/internal/nstest"
	"github.com/lanstorm/lanstorm/netmgr"
)

// links are those of a Pi with a USB adapter, Wi-Fi, a tunnel, and a bridge
// and a bond that have a port each.
var links = map[string]string{
	"sys/class/net/lo/ifindex":           "1\n",
	"sys/class/net/lo/address":           "00:00:00:00:00:00\n",
	"sys/class/net/eth0/ifindex":         "2\n",
	"sys/class/net/eth1/ifindex":         "3\n",
	"sys/class/net/eth1/address":         "dc:a6:32:00:00:02\n",
	"sys/class/net/wlan0/ifindex":        "4\n",
	"sys/class/net/wlan0/address":        "dc:a6:32:00:00:03\n",
	"sys/class/net/wg0/ifindex":          "5\n",
	"sys/class/net/wg0/address":          "\n",
	"sys/class/net/veth0/ifindex":        "6\n",
	"sys/class/net/veth0/address":        "06:00:00:00:00:06\n",
	"sys/class/net/port0/ifindex":        "7\n",
	"sys/class/net/port0/address":        "06:00:00:00:00:07\n",
	"sys/class/net/port1/ifindex":        "8\n",
	"sys/class/net/port1/address":        "06:00:00:00:00:08\n",
	"sys/class/net/bridge0/ifindex":      "9\n",
	"sys/class/net/bond0/ifindex":        "10\n",
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
	"sys/class/net/port0/master":         "->../bridge0",
	"sys/class/net/port1/type":           "1\n",
	"sys/class/net/port1/flags":          "0x1803\n",
	"sys/class/net/port1/master":         "->../bond0",
	"sys/class/net/bonding_masters":      "bond0\n", // a file among the folders
	"sys/class/net/eth0/statistics/junk": "0\n",
}

func TestCheckParent(t *testing.T) {
	for _, tt := range []struct {
		link, want string
	}{
		{link: "eth0", want: "ok: eth0 is Ethernet (dc:a6:32:00:00:01, MTU 1500)"},
		{link: "eth9", want: `problem: eth9 is not there -> use a wired interface: --interface eth0, or eth1`},
		{link: "../net/eth0", want: `problem: ../net/eth0 is not there -> use a wired interface: --interface eth0, or eth1`},
		{link: "bonding_masters", want: "problem: bonding_masters is not there -> use a wired interface: --interface eth0, or eth1"},
		{link: "lo", want: "problem: lo is not Ethernet (loopback), which macvlans need -> use a wired interface: --interface eth0, or eth1"},
		{link: "wg0", want: "problem: wg0 is not Ethernet (none), which macvlans need -> use a wired interface: --interface eth0, or eth1"},
		{link: "wlan0", want: "problem: wlan0 is wireless, and an access point takes only one MAC address from a station -> use a wired interface: --interface eth0, or eth1"},
		{link: "port0", want: "problem: port0 belongs to the bridge bridge0, so no macvlan can be made on it -> use the bridge: --interface bridge0"},
		{link: "port1", want: "problem: port1 belongs to the bond bond0, so no macvlan can be made on it -> use the bond: --interface bond0"},
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
	wifi := map[string]string{"sys/class/net/wlan0/ifindex": "2\n", "sys/class/net/wlan0/type": "1\n", "sys/class/net/wlan0/flags": "0x1003\n", "sys/class/net/wlan0/wireless": "/"}
	veth := map[string]string{"sys/class/net/veth0/ifindex": "3\n", "sys/class/net/veth0/type": "1\n", "sys/class/net/veth0/flags": "0x1003\n"}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"Wi-Fi will not do", wifi, "this machine has no interface that would do: connect one, or use --interface lab"},
		{"a link without hardware is better than none", both(wifi, veth), "use a wired interface: --interface veth0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := examine(t, Options{Interface: "wlan0"}, tt.files).checkParent(); got.Status != Problem || got.Remedy != tt.want {
				t.Errorf("%+v, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckLink(t *testing.T) {
	link := func(flags, state, carrier string) map[string]string {
		files := map[string]string{"sys/class/net/eth0/ifindex": "2\n", "sys/class/net/eth0/flags": flags, "sys/class/net/eth0/operstate": state}
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
		{"a link that tells nothing", link("0x1003\n", "", ""), unplugged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0"}, tt.files)
			e.parent = linksOf(tt.files)[0]
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
	named := func(name string) netlink.LinkAttrs { return netlink.LinkAttrs{Name: name, TxQLen: -1} }
	add := func(l netlink.Link) {
		t.Helper()
		if err := netlink.LinkAdd(l); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { netlink.LinkDel(l) })
	}
	on := func(name, parent string) netlink.LinkAttrs {
		attrs := named(name)
		attrs.ParentIndex = indexOf(t, parent)
		return attrs
	}
	bridge := &netlink.Bridge{LinkAttrs: named("docbr")}
	port := &netlink.Veth{LinkAttrs: named("docport"), PeerName: "docport-peer"}
	add(bridge)
	add(port)
	add(&netlink.Veth{LinkAttrs: named("doctaken"), PeerName: "doctaken-peer"})
	add(&netlink.Macvlan{LinkAttrs: on("docpass", "doctaken"), Mode: netlink.MACVLAN_MODE_PASSTHRU})
	add(&netlink.Macvlan{LinkAttrs: on("docupper", "docport-peer"), Mode: netlink.MACVLAN_MODE_BRIDGE})
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		t.Fatal(err)
	}
	const hears = "ok: "
	for _, tt := range []struct {
		link, want string
		made       bool // by the kernel; but on a macvlan nobody answers
	}{
		{"docbr", hears, true},
		{"docport-peer", hears, true},
		{"docport", "problem: docport belongs to the bridge docbr, so no macvlan can be made on it -> use the bridge: --interface docbr", false},
		{"lo", "problem: lo is not Ethernet (loopback), which macvlans need -> ", false},
		{"doctaken", "problem: doctaken is taken by docpass, a macvlan in mode passthru, beside which the kernel allows no other -> " +
			"end what uses docpass (a virtual machine?), or use another interface", false},
		{"docupper", "problem: docupper is itself a link of kind macvlan, so clients on it get no answers -> use the link below it: --interface docport-peer", true},
	} {
		t.Run(tt.link, func(t *testing.T) {
			check := newExam(t.Context(), Options{Interface: tt.link}, os.DirFS("/")).checkParent()
			if text := string(check.Status) + ": " + check.Finding + " -> " + check.Remedy; !strings.HasPrefix(text, tt.want) {
				t.Errorf("%s, want %s", text, tt.want)
			}
			made := netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: on("docmv", tt.link), Mode: netlink.MACVLAN_MODE_BRIDGE})
			if made == nil {
				defer netlink.LinkDel(&netlink.Macvlan{LinkAttrs: named("docmv")})
			}
			if (made == nil) != tt.made {
				t.Errorf("the kernel says: %v", made)
			}
		})
	}
}

// A container's only link is often a macvlan whose lower link is out of sight.
func TestAMacvlanWhoseLowerLinkIsElsewhere(t *testing.T) {
	nstest.Need(t)
	err := inScratch(func(lan *scratch) error {
		parent, err := lan.addVeth()
		if err != nil {
			return err
		}
		return inScratch(func(home *scratch) error {
			link, err := home.addMacvlan(lan.nl, netlink.LinkAttrs{ParentIndex: parent.Attrs().Index})
			if err != nil {
				return err
			}
			links, err := home.nl.LinkList()
			if err != nil {
				return err
			}
			if _, why, remedy := netmgr.JudgeParent(os.DirFS("/"), link.Attrs().Name, links); why == "" || !strings.HasPrefix(remedy, "run this where the link below it is") {
				t.Errorf("%q, %q", why, remedy)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAnotherNamespacesSys: `nsenter --net` and docker's `--network container:`
// change the links that there are, but not what /sys shows.
func TestAnotherNamespacesSys(t *testing.T) {
	const start = "is there, but /sys is not mounted or shows the links of another network namespace"
	inside := func() ([]netlink.Link, error) {
		return []netlink.Link{&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "eth0", Index: 2, HardwareAddr: []byte{6, 0, 0, 0, 0, 0x20}}}}, nil
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
	}{
		{"with a link of the same name and index", links},
		{"without the link", map[string]string{"sys/class/net/lo/ifindex": "1\n"}},
		{"not at all", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{Interface: "eth0"}, tt.files)
			e.links = inside
			if c := e.checkParent(); c.Status != Problem || c.Finding != "eth0 "+start {
				t.Errorf("%+v", c)
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
