package doctor

import "testing"

func TestCheckManagers(t *testing.T) {
	const outside = "; clients are out of its sight, in namespaces of their own"
	host := map[string]string{
		"proc/1/comm":                "systemd\n",
		"proc/self":                  "->1",
		"proc/net/dev":               "no process\n",
		"sys/class/net/eth0/ifindex": "2\n",
	}
	nm := map[string]string{"proc/611/comm": "NetworkManager\n", "run/NetworkManager/devices/2": "[device]\nmanaged=true\nconnection-uuid=7f\n"}
	networkd := map[string]string{"proc/612/comm": "systemd-network\n", "run/systemd/netif/links/2": "# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\n"}
	dhcpcd := map[string]string{"proc/613/comm": "dhcpcd\n", "run/dhcpcd/pid": "613\n"}
	with := func(a, b map[string]string) map[string]string { return both(both(host, a), b) }
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nobody", host, "ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"NetworkManager, as on Raspberry Pi OS", with(nm, nil), "ok: NetworkManager manages eth0 for this host" + outside},
		{"NetworkManager, told to leave it alone", with(nm, map[string]string{"run/NetworkManager/devices/2": "[device]\nmanaged=false\n"}),
			"ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"NetworkManager, which has not said yet", with(nm, map[string]string{"run/NetworkManager/devices/2": "[device]\n"}),
			"ok: NetworkManager may manage eth0 for this host" + outside},
		{"the remains of a NetworkManager that does not run", with(nm, map[string]string{"proc/611/comm": "sshd\n"}),
			"ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"systemd-networkd", with(networkd, nil), "ok: systemd-networkd manages eth0 for this host" + outside},
		{"systemd-networkd, for other interfaces", with(networkd, map[string]string{"run/systemd/netif/links/2": "ADMIN_STATE=unmanaged\n"}),
			"ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"dhcpcd for all interfaces, as on older Raspberry Pi OS", with(dhcpcd, nil), "ok: dhcpcd manages eth0 for this host" + outside},
		{"dhcpcd for eth0", with(map[string]string{"proc/613/comm": "dhcpcd\n", "run/dhcpcd/eth0-4.pid": "613\n"}, nil), "ok: dhcpcd manages eth0 for this host" + outside},
		{"dhcpcd for something", with(map[string]string{"proc/613/comm": "dhcpcd\n"}, nil), "ok: dhcpcd may manage eth0 for this host" + outside},
		{"dhcpcd, denied eth0", with(dhcpcd, map[string]string{"etc/dhcpcd.conf": "hostname\ndenyinterfaces wlan0, eth*\n"}),
			"ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"dhcpcd, allowed others", with(dhcpcd, map[string]string{"etc/dhcpcd.conf": "allowinterfaces wlan0\n"}),
			"ok: none of NetworkManager, dhcpcd and systemd-networkd manages eth0"},
		{"dhcpcd, allowed eth0", with(dhcpcd, map[string]string{"etc/dhcpcd.conf": "# denyinterfaces eth0\nallowinterfaces wlan0 eth0\n"}),
			"ok: dhcpcd manages eth0 for this host" + outside},
		{"two at once", with(nm, dhcpcd), "warning: NetworkManager and dhcpcd manage eth0 at the same time, and may undo each other's settings -> " +
			`leave it to one: add "denyinterfaces eth0" to /etc/dhcpcd.conf and sudo systemctl restart dhcpcd`},
		{"an interface that went away", map[string]string{}, "skipped: cannot be told: open sys/class/net/eth0/ifindex: file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compare(t, tt.want, examine(t, Options{Interface: "eth0"}, tt.files).checkManagers())
		})
	}
}
