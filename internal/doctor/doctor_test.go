package doctor

import (
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// filesOf is a file system with the given contents, by path from /. A content
// that begins with "->" is a symbolic link, and "/" is a folder.
func filesOf(files map[string]string) fs.FS {
	root := fstest.MapFS{".": {Mode: fs.ModeDir}}
	for path, content := range files {
		file := &fstest.MapFile{Data: []byte(content)}
		if target, isLink := strings.CutPrefix(content, "->"); isLink {
			file = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte(target)}
		}
		if content == "/" {
			file = &fstest.MapFile{Mode: fs.ModeDir}
		}
		root[path] = file
	}
	return root
}

// both is a machine with the files of a and b; b's win.
func both(a, b map[string]string) map[string]string {
	all := map[string]string{}
	for _, files := range []map[string]string{a, b} {
		for path, content := range files {
			all[path] = content
		}
	}
	return all
}

// names are the checks as "status name".
func names(checks []Check) []string {
	var list []string
	for _, c := range checks {
		list = append(list, string(c.Status)+" "+c.Name)
	}
	return list
}

func examine(t *testing.T, opts Options, files map[string]string) *exam {
	t.Helper()
	e := newExam(t.Context(), opts, filesOf(files))
	e.links = func() ([]netlink.Link, error) { return linksOf(files), nil }
	e.clock = func() (time.Time, bool, error) { return time.Time{}, false, errors.New("no clock") }
	return e
}

// linksOf are the links that files show in /sys/class/net, as the kernel would
// list them.
func linksOf(files map[string]string) (links []netlink.Link) {
	indexes := map[string]int{}
	for path, content := range files {
		if name, ok := strings.CutSuffix(path, "/ifindex"); ok {
			indexes[filepath.Base(name)], _ = strconv.Atoi(strings.TrimSpace(content))
		}
	}
	for name, index := range indexes {
		attrs := netlink.LinkAttrs{Name: name, Index: index}
		for path, content := range files {
			value := strings.TrimSpace(content)
			switch {
			case strings.HasSuffix(path, "/"+name+"/address"):
				attrs.HardwareAddr, _ = net.ParseMAC(value)
			case strings.HasSuffix(path, "/"+name+"/master"):
				attrs.MasterIndex = indexes[filepath.Base(content)]
			case strings.HasSuffix(path, "/"+name+"/mtu"):
				attrs.MTU, _ = strconv.Atoi(value)
			case strings.HasSuffix(path, "/"+name+"/type"):
				attrs.EncapType = map[string]string{"1": "ether", "772": "loopback", "65534": "none"}[value]
			case strings.HasSuffix(path, "/"+name+"/flags"):
				flags, _ := strconv.ParseUint(value, 0, 32)
				attrs.RawFlags |= uint32(flags)
				if flags&unix.IFF_UP != 0 {
					attrs.Flags |= net.FlagUp
				}
				if flags&unix.IFF_LOOPBACK != 0 {
					attrs.Flags |= net.FlagLoopback
				}
			case strings.HasSuffix(path, "/"+name+"/carrier") && value == "1":
				attrs.RawFlags |= unix.IFF_LOWER_UP
			case strings.HasSuffix(path, "/"+name+"/operstate"):
				attrs.OperState = map[string]netlink.LinkOperState{
					"up": netlink.OperUp, "down": netlink.OperDown, "lowerlayerdown": netlink.OperLowerLayerDown, "dormant": netlink.OperDormant,
				}[value]
			}
		}
		links = append(links, &netlink.GenericLink{LinkAttrs: attrs, LinkType: strings.TrimRight(name, "0123456789")})
	}
	slices.SortFunc(links, func(a, b netlink.Link) int { return a.Attrs().Index - b.Attrs().Index })
	return links
}

// compare reports how a check differs from "status: finding -> remedy".
func compare(t *testing.T, want string, got Check) {
	t.Helper()
	text := string(got.Status) + ": " + got.Finding
	if got.Remedy != "" {
		text += " -> " + got.Remedy
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryCheckThatIsNotFineSaysWhatToDo(t *testing.T) {
	for _, opts := range []Options{
		{Interface: "lab", Clients: 60_000},
		{Interface: "eth9", Clients: 60_000},
		{Interface: "lo"},
	} {
		for _, c := range Quick(opts) {
			needed := c.Status == Warning || c.Status == Problem
			if needed != (c.Remedy != "") || c.Name == "" || c.Finding == "" {
				t.Errorf("%+v", c)
			}
		}
	}
}

func TestWithoutItsFilesAMachineIsASeriesOfSkips(t *testing.T) {
	for _, where := range []string{"lab", "eth0"} {
		for _, c := range examine(t, Options{Interface: where, Clients: 10}, nil).run(func(probe) bool { return true }) {
			if c.Name != "interface" && c.Status != Skipped {
				t.Errorf("%s: %+v", where, c)
			}
		}
	}
}

func TestAnOrdinaryUserIsToldWhatWasNotTried(t *testing.T) {
	e := examine(t, Options{Interface: "eth0", Clients: 10}, both(pi4, map[string]string{
		"proc/self/status": "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n",
	}))
	e.clock = func() (time.Time, bool, error) { return time.Now(), true, nil }
	want := []string{
		"ok kernel",
		"problem root",
		"ok machine",
		"ok power",
		"ok throttling",
		"ok clock",
		"skipped namespaces",
		"skipped packet sockets",
		"skipped macvlan",
		"ok interface",
		"ok link",
		"ok speed",
		"ok managers",
		"skipped folders",
		"ok file descriptors",
		"ok memory",
		"ok namespace limit",
		"ok neighbour table",
		"ok packet backlog",
		"skipped DHCP servers",
		"skipped addresses",
		"skipped machine id",
	}
	checks := e.run(func(probe) bool { return true })
	if diff := cmp.Diff(want, names(checks)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, c := range checks {
		if c.Status == Skipped && c.Finding != "needs root" {
			t.Errorf("%+v", c)
		}
	}
}

func TestQuickMakesNothing(t *testing.T) {
	for _, p := range probes {
		switch p.name {
		case "clock", "namespaces", "macvlan", "veth", "masquerade", "DHCP servers", "addresses", "machine id":
			if !p.slow {
				t.Errorf("%s is quick", p.name)
			}
		default:
			if p.slow {
				t.Errorf("%s is slow", p.name)
			}
		}
	}
}

func TestWorst(t *testing.T) {
	for _, tt := range []struct {
		name   string
		checks []Check
		want   Status
	}{
		{"of nothing", nil, OK},
		{"a skip does not count", []Check{{Status: Skipped}, {Status: OK}}, OK},
		{"a warning is worse than all that is fine", []Check{{Status: OK}, {Status: Warning}, {Status: Skipped}}, Warning},
		{"a problem is worse than a warning", []Check{{Status: Problem}, {Status: Warning}}, Problem},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Worst(tt.checks); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// pi4 is a Raspberry Pi at a router's LAN port, run by root.
var pi4 = map[string]string{
	"etc/machine-id":                                                "5e1fc0ffee\n",
	"proc/sys/kernel/osrelease":                                     "6.12.47+rpt-rpi-v8\n",
	"proc/self/status":                                              "Name:\tlanstorm\nUid:\t1000\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
	"proc/self/limits":                                              "Limit                     Soft Limit           Hard Limit           Units     \nMax processes             6000                 6000                 processes \nMax open files            524288               524288               files     \n",
	"proc/meminfo":                                                  "MemTotal:        3884492 kB\nMemFree:         2100000 kB\nMemAvailable:    3145728 kB\n",
	"proc/device-tree":                                              "->../sys/firmware/devicetree/base",
	"sys/firmware/devicetree/base/model":                            "Raspberry Pi 4 Model B Rev 1.4\x00",
	"proc/sys/user/max_net_namespaces":                              "14500\n",
	"proc/sys/net/ipv4/neigh/default/gc_thresh3":                    "1024\n",
	"proc/sys/net/core/netdev_max_backlog":                          "1000\n",
	"proc/1/comm":                                                   "systemd\n",
	"sys/devices/platform/soc/soc:firmware/get_throttled":           "0\n",
	"sys/class/thermal/thermal_zone0/type":                          "cpu-thermal\n",
	"sys/class/thermal/thermal_zone0/temp":                          "52095\n",
	"sys/class/net/eth0":                                            "->../../devices/platform/scb/fd580000.ethernet/net/eth0",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/type":      "1\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/flags":     "0x1003\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/address":   "dc:a6:32:00:00:01\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/mtu":       "1500\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/ifindex":   "2\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/operstate": "up\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/carrier":   "1\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/speed":     "1000\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/duplex":    "full\n",
	"sys/devices/platform/scb/fd580000.ethernet/net/eth0/device":    "/",
}
