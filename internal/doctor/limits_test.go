package doctor

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanstorm/lanstorm/netmgr"
)

func TestCheckDescriptors(t *testing.T) {
	limits := func(soft string) map[string]string {
		return map[string]string{"proc/self/limits": "Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max open files            " + soft + "                 524288               files     \nMax locked memory         8388608              8388608              bytes     \n"}
	}
	for _, tt := range []struct {
		name    string
		files   map[string]string
		clients int
		want    string
	}{
		{"plenty", limits("524288"), 200, "ok: 524288 allowed, enough for 65504 clients"},
		{"no number of clients", limits("1024"), 0, "ok: 1024 allowed, enough for 96 clients"},
		{"enough to ping", limits("1024"), 150, "warning: 1024 allowed; 150 clients that do more than ping may need 1456 -> sudo prlimit --nofile=1456 lanstorm run ..."},
		{"too few", limits("1024"), 400, "problem: 1024 allowed; 400 clients need 1856 -> sudo prlimit --nofile=3456 lanstorm run ..."},
		{"no limit", limits("unlimited"), 200, "ok: unlimited"},
		{"another file", map[string]string{"proc/self/limits": "Max cpu time  unlimited\n"}, 200, `skipped: cannot be told: /proc/self/limits says ""`},
		{"a line cut short", map[string]string{"proc/self/limits": "Max open files"}, 200, `skipped: cannot be told: /proc/self/limits says "?"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{Clients: tt.clients}, tt.files).checkDescriptors())
		})
	}
}

func TestCheckMemory(t *testing.T) {
	for _, tt := range []struct {
		name    string
		meminfo string
		clients int
		want    string
	}{
		{"a Pi 4", "MemTotal: 3884492 kB\nMemAvailable:    3145728 kB\n", 200, "ok: 3072 MB available, enough for about 10147 clients"},
		{"a Pi Zero that is busy", "MemAvailable:      65536 kB\n", 200, "warning: 64 MB available, of which 200 clients take about 60 MB -> use fewer clients, or end what else needs memory on this machine"},
		{"a Pi Zero that is full", "MemAvailable:      16384 kB\n", 200, "problem: 16 MB available; 200 clients need about 60 MB -> use fewer clients, or end what else needs memory on this machine"},
		{"a kernel of before 2014", "MemFree:      16384 kB\n", 200, `skipped: cannot be told: /proc/meminfo says ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{Clients: tt.clients}, map[string]string{"proc/meminfo": tt.meminfo}).checkMemory())
		})
	}
}

func TestLimitsOfTheKernel(t *testing.T) {
	const namespaces, neighbours, backlog = "proc/sys/user/max_net_namespaces", "proc/sys/net/ipv4/neigh/default/gc_thresh3", "proc/sys/net/core/netdev_max_backlog"
	for _, tt := range []struct {
		name     string
		limit    netmgr.Limit
		what     string
		key      string
		value    string
		clients  int
		readOnly bool
		user     bool // not root
		want     string
	}{
		{name: "namespaces enough", limit: netmgr.Namespaces, what: "network namespaces", key: namespaces, value: "3500\n", clients: 3500,
			want: "ok: room for 3500 network namespaces, enough for 3500 clients"},
		{name: "too few namespaces, to be raised", limit: netmgr.Namespaces, what: "network namespaces", key: namespaces, value: "100\n", clients: 200,
			want: "ok: room for 100 network namespaces, too few for 200 clients; a run raises that, and puts it back"},
		{name: "too few namespaces for ever", limit: netmgr.Namespaces, what: "network namespaces", key: namespaces, value: "100\n", clients: 200, readOnly: true,
			want: "problem: room for 100 network namespaces, too few for 200 clients, and a run cannot raise that from here -> on the host: sudo sysctl -w user.max_net_namespaces=2624"},
		{name: "namespaces not told", limit: netmgr.Namespaces, what: "network namespaces", clients: 200,
			want: "skipped: /proc/sys/user/max_net_namespaces is not shown here, as in a container"},
		{name: "neighbours enough", limit: netmgr.Neighbours, what: "neighbours", key: neighbours, value: "1024\n", clients: 500,
			want: "ok: room for 1024 neighbours, enough for 500 clients"},
		{name: "too few neighbours, to be raised", limit: netmgr.Neighbours, what: "neighbours", key: neighbours, value: "1024\n", clients: 501,
			want: "ok: room for 1024 neighbours, too few for 501 clients; a run raises that, and puts it back"},
		{name: "too few neighbours for ever", limit: netmgr.Neighbours, what: "neighbours", key: neighbours, value: "1024\n", clients: 501, readOnly: true,
			want: "warning: room for 1024 neighbours, too few for 501 clients, and a run cannot raise that from here -> on the host: " +
				"sudo sysctl -w net.ipv4.neigh.default.gc_thresh1=5032 net.ipv4.neigh.default.gc_thresh2=5032 net.ipv4.neigh.default.gc_thresh3=5032"},
		{name: "too few neighbours, as a user sees it", limit: netmgr.Neighbours, what: "neighbours", key: neighbours, value: "1024\n", clients: 501, user: true,
			want: "skipped: room for 1024 neighbours, too few for 501 clients; whether a run can raise that, only root can tell"},
		{name: "neighbours not told", limit: netmgr.Neighbours, what: "neighbours", clients: 200,
			want: "skipped: /proc/sys/net/ipv4/neigh/default/gc_thresh3 is not shown here, as in a container"},
		{name: "backlog enough", limit: netmgr.Backlog, what: "packets", key: backlog, value: "1000\n", clients: 1000,
			want: "ok: room for 1000 packets, enough for 1000 clients"},
		{name: "backlog too short, to be raised", limit: netmgr.Backlog, what: "packets", key: backlog, value: "1000\n", clients: 2000,
			want: "ok: room for 1000 packets, too few for 2000 clients; a run raises that, and puts it back"},
		{name: "backlog too short for ever", limit: netmgr.Backlog, what: "packets", key: backlog, value: "1000\n", clients: 2000, readOnly: true,
			want: "warning: room for 1000 packets, too few for 2000 clients, and a run cannot raise that from here -> on the host: sudo sysctl -w net.core.netdev_max_backlog=17024"},
		{name: "backlog not a number", limit: netmgr.Backlog, what: "packets", key: backlog, value: "many\n", clients: 200,
			want: `skipped: cannot be told: /proc/sys/net/core/netdev_max_backlog: "many" is not a number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{}
			if tt.key != "" {
				files[tt.key] = tt.value
			}
			e := examine(t, Options{Clients: tt.clients}, files)
			e.known[isRoot] = !tt.user
			e.access = func(path string, mode uint32) error {
				if path != "/"+tt.key || mode != unix.W_OK {
					t.Errorf("looked at %s", path)
				}
				if tt.readOnly {
					return unix.EROFS
				}
				return nil
			}
			compare(t, tt.want, checkLimit(tt.limit, tt.what)(e))
		})
	}
}

func TestCheckClock(t *testing.T) {
	const remedy = " -> connect it to a time server: sudo timedatectl set-ntp true, and see timedatectl"
	for _, tt := range []struct {
		name         string
		now          string
		synchronised bool
		err          error
		want         string
	}{
		{"right", "2026-10-01 03:00:00", true, nil, "ok: 2026-10-01 03:00:00, kept right by a time server"},
		{"left alone", "2026-10-01 03:00:00", false, nil, "warning: it says 2026-10-01 03:00:00, and nothing keeps it right" + remedy},
		{"of a Pi that has just been started", "1970-01-01 00:00:07", false, nil, "warning: it says 1970-01-01: results get wrong dates, and https fails" + remedy},
		{"of a kernel that does not tell", "2026-10-01 03:00:00", false, unix.EPERM, "skipped: cannot be told: operation not permitted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, Options{}, nil)
			e.clock = func() (time.Time, bool, error) {
				now, err := time.Parse(time.DateTime, tt.now)
				return now, tt.synchronised, errors.Join(err, tt.err)
			}
			compare(t, tt.want, e.checkClock())
		})
	}
}
