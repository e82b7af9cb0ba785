package doctor

import (
	"testing"

	"golang.org/x/sys/unix"
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
		{"plenty", limits("524288"), 200, "ok: 524288 allowed, enough for 65528 clients"},
		{"no number of clients", limits("1024"), 0, "ok: 1024 allowed, enough for 120 clients"},
		{"enough to ping", limits("1024"), 200, "warning: 1024 allowed; 200 clients that do more than ping may need 1664 -> sudo prlimit --nofile=2048 lanstorm run ..."},
		{"too few", limits("1024"), 400, "problem: 1024 allowed; 400 clients need 1264 -> sudo prlimit --nofile=4096 lanstorm run ..."},
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
	type check = func(*exam) Check
	for _, tt := range []struct {
		name     string
		check    check
		key      string
		value    string
		clients  int
		readOnly bool
		user     bool // not root
		want     string
	}{
		{name: "namespaces enough", check: (*exam).checkNamespaceLimit, key: namespaces, value: "3500\n", clients: 3500,
			want: "ok: 3500 network namespaces allowed"},
		{name: "too few namespaces", check: (*exam).checkNamespaceLimit, key: namespaces, value: "100\n", clients: 200,
			want: "problem: 100 network namespaces allowed; 200 clients need one each -> sudo sysctl -w user.max_net_namespaces=512"},
		{name: "namespaces not told", check: (*exam).checkNamespaceLimit, clients: 200,
			want: "skipped: user.max_net_namespaces is not shown here, as in a container"},
		{name: "neighbours enough", check: (*exam).checkNeighbours, key: neighbours, value: "1024\n", clients: 500,
			want: "ok: room for 1024 neighbours, enough for about 500 clients"},
		{name: "too few neighbours, to be raised", check: (*exam).checkNeighbours, key: neighbours, value: "1024\n", clients: 501,
			want: "ok: room for 1024 neighbours, too few for 501 clients; a run raises that, and puts it back"},
		{name: "too few neighbours for ever", check: (*exam).checkNeighbours, key: neighbours, value: "1024\n", clients: 501, readOnly: true,
			want: "warning: room for 1024 neighbours, too few for 501 clients, and a run cannot raise that from here -> on the host: " +
				"sudo sysctl -w net.ipv4.neigh.default.gc_thresh1=1024 net.ipv4.neigh.default.gc_thresh2=2048 net.ipv4.neigh.default.gc_thresh3=4096"},
		{name: "too few neighbours, as a user sees it", check: (*exam).checkNeighbours, key: neighbours, value: "1024\n", clients: 501, user: true,
			want: "skipped: room for 1024 neighbours, too few for 501 clients; whether a run can raise that, only root can tell"},
		{name: "neighbours not told", check: (*exam).checkNeighbours, clients: 200,
			want: "skipped: net.ipv4.neigh.default.gc_thresh3 is not shown here, as in a container"},
		{name: "backlog enough", check: (*exam).checkBacklog, key: backlog, value: "1000\n", clients: 1000,
			want: "ok: 1000 packets, enough for a broadcast to as many clients"},
		{name: "backlog too short, to be raised", check: (*exam).checkBacklog, key: backlog, value: "1000\n", clients: 2000,
			want: "ok: 1000 packets, too few for a broadcast to 2000 clients; a run raises that, and puts it back"},
		{name: "backlog too short for ever", check: (*exam).checkBacklog, key: backlog, value: "1000\n", clients: 2000, readOnly: true,
			want: "warning: 1000 packets, too few for a broadcast to 2000 clients, and a run cannot raise that from here -> on the host: sudo sysctl -w net.core.netdev_max_backlog=4096"},
		{name: "backlog not a number", check: (*exam).checkBacklog, key: backlog, value: "many\n", clients: 200,
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
			compare(t, tt.want, tt.check(e))
		})
	}
}

func TestPowerOfTwo(t *testing.T) {
	for n, want := range map[int]int{-1: 1, 0: 1, 1: 1, 2: 2, 3: 4, 1024: 1024, 1025: 2048} {
		if got := powerOfTwo(n); got != want {
			t.Errorf("powerOfTwo(%d) = %d, want %d", n, got, want)
		}
	}
}
