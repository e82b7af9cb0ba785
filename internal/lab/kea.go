package lab

import (
	"embed"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed kea.json kea6.json
var keaConfigs embed.FS

var keaTemplates = template.Must(template.ParseFS(keaConfigs, "*"))

// serveKea has the DHCP servers of the ISC (kea-dhcp4(8), kea-dhcp6(8)) serve in the
// router. Their configuration and their lease files, kea.json and kea-leases4.csv, and
// kea6.json and kea-leases6.csv, are in /run/lanstorm/<parent> while the lab stands.
func (l *Lab) serveKea() error {
	if l.opts.IPv6.dhcp() {
		six, err := l.newKea("kea-dhcp6", "DHCP6_STARTED", "kea6.json", "kea-leases6.csv", kea6Columns)
		if err != nil {
			return err
		}
		six.name, six.ipv6 = "kea6", true
		l.ipv6.dhcp, l.ipv6.count = six, six.leases
	}
	k, err := l.newKea("kea-dhcp4", "DHCP4_STARTED", "kea.json", "kea-leases4.csv", kea4Columns)
	if err != nil {
		return err
	}
	return l.serveConfigured(k)
}

func (l *Lab) newKea(command, ready, conf, leaseFile string, columns keaColumns) (*configured, error) {
	p, err := l.newProgram(Kea, command, command+"-server", ready)
	if err != nil {
		return nil, err
	}
	p.words, p.deaf = unconfined(p.words), "DHCPSRV_OPEN_SOCKET_FAIL"
	p.env = keaFolders(p.file(""))
	// Kea writes a row before it answers, so a count by the file is never behind;
	// its own statistics go on counting leases that have expired, and addresses
	// that were declined.
	k := &configured{program: p, confFile: p.file(conf), conf: keaTemplates.Lookup(conf), leaseFile: p.file(leaseFile)}
	k.count = func(csv string, now time.Time) int { return countKeaLeases(csv, columns, now) }
	k.args = []string{"-c", k.confFile}
	return k, nil
}

// keaFolders has Kea keep all its files in dir. Since 2.6.3 it writes leases nowhere
// but in its data folder.
func keaFolders(dir string) []string {
	return []string{"KEA_PIDFILE_DIR=" + dir, "KEA_LOCKFILE_DIR=" + dir, "KEA_DHCP_DATA_DIR=" + dir, "KEA_LOGGER_DESTINATION=stderr"}
}

// unconfined has AppArmor let a command be: Debian's profiles for Kea and dhcpd
// keep them from all files but those of Debian's own services.
func unconfined(words []string) []string {
	on, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if aa, err := exec.LookPath("aa-exec"); err == nil && strings.HasPrefix(string(on), "Y") {
		return append([]string{aa, "-p", "unconfined", "--"}, words...)
	}
	return words
}

// keaColumns is where a lease file of Kea, which begins each row with an address,
// has what counts.
type keaColumns struct{ lifetime, expire, state int }

var kea4Columns, kea6Columns = keaColumns{3, 4, 9}, keaColumns{2, 3, 13}

// countKeaLeases counts the leases in force in a lease file of Kea: of each
// address the last row holds.
func countKeaLeases(csv string, at keaColumns, now time.Time) int {
	held := map[string]bool{}
	for line := range strings.Lines(csv) {
		row := strings.Split(line, ",")
		if len(row) <= at.state || !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		until, err := strconv.ParseInt(row[at.expire], 10, 64)
		if err != nil {
			continue // the names of the columns
		}
		// A row without a lifetime deletes a lease, and a state other than 0 is
		// an address that was declined, or a lease that has expired.
		held[row[0]] = row[at.lifetime] != "0" && strings.TrimSpace(row[at.state]) == "0" && now.Unix() < until
	}
	return count(held)
}
