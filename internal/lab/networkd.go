package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
)

// networkdTemplate is a systemd.network(5). The address is there already, but
// the server only knows those of its own file.
var networkdTemplate = template.Must(template.New("lan.network").Parse(`[Match]
Name=lan

[Network]
Address={{.LAN}}
KeepConfiguration=yes
LinkLocalAddressing={{if eq .IPv6 "off"}}no{{else}}ipv6{{end}}
IPv6AcceptRA=no
DHCPServer=yes

[DHCPServer]
PoolOffset={{.Offset}}
PoolSize={{.Pool}}
DefaultLeaseTimeSec={{.Seconds}}
MaxLeaseTimeSec={{.Seconds}}
EmitRouter={{not .NoGateway}}
EmitDNS={{not .NoDNS}}
DNS={{.Router}}
`))

// networkdConf is a networkd.conf(5): what is in the router besides is not its to
// take away.
const networkdConf = `[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
`

// enterNetworkd runs in a mount namespace of its own, with the program's folder
// as the first argument, and shows networkd the files in there in place of
// /etc/systemd, and of /run nothing else: no D-Bus of the machine's, nor what its
// own networkd has written. A /sys that cannot be written to is how it knows
// that it need not wait for udev, which has no eyes for links in here.
const enterNetworkd = `set -e
mount --bind "$1" /etc/systemd
mount -t tmpfs -o mode=755 lanstorm /run
mkdir -p "$1" /run/systemd
mount --bind /etc/systemd "$1"
mount -o remount,ro /sys
exec "$1"/systemd-networkd`

// serveNetworkd has the DHCP server of systemd-networkd(8) serve in the router.
// Its configuration, network/lan.network, is in /run/lanstorm/<parent> while the
// lab stands. It keeps its leases in memory, tells nobody of them, and loses
// them when it is started anew.
func (l *Lab) serveNetworkd() error {
	p, err := l.newNetworkd("Offering DHCPv4 leases")
	if err != nil {
		return err
	}
	return l.serveConfigured(&configured{program: p, confFile: p.file("network/lan.network"), conf: networkdTemplate, leaseFile: p.file("none")})
}

const networkd = "/lib/systemd/systemd-networkd"

func (l *Lab) newNetworkd(ready string) (*program, error) {
	p, err := l.newProgram(Networkd, networkd, "systemd", ready)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(p.file("lan.network"))
	// A name in the folder, so that the process is known for the lab's.
	if err := os.Symlink(networkd, p.file("systemd-networkd")); err != nil {
		return nil, err
	}
	if err := os.Mkdir(p.file("network"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.file("networkd.conf"), []byte(networkdConf), 0o644); err != nil {
		return nil, err
	}
	p.words = []string{"/bin/sh", "-c", enterNetworkd, "sh", dir}
	p.env = []string{"SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=debug"} // says only then that it serves
	p.enter = func(cmd *exec.Cmd) error { return l.router.Start(cmd) }
	return p, nil
}
