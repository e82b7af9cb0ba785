package lab

import (
	_ "embed"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed kea.json
var keaConfig string

var keaTemplate = template.Must(template.New("kea.json").Parse(keaConfig))

// serveKea has the DHCP server of the ISC (kea-dhcp4(8)) serve in the router. Its
// configuration and its lease file, kea.json and kea-leases4.csv, are in
// /run/lanstorm/<parent> while the lab stands.
func (l *Lab) serveKea() error {
	p, err := l.newProgram(Kea, "kea-dhcp4", "kea-dhcp4-server", "DHCP4_STARTED")
	if err != nil {
		return err
	}
	p.words, p.deaf = unconfined(p.words), "DHCPSRV_OPEN_SOCKET_FAIL"
	dir := p.file("")
	// Since 2.6.3 Kea writes leases nowhere but in its data folder.
	p.env = []string{"KEA_PIDFILE_DIR=" + dir, "KEA_LOCKFILE_DIR=" + dir, "KEA_DHCP_DATA_DIR=" + dir, "KEA_LOGGER_DESTINATION=stderr"}
	// Kea writes a row before it answers, so a count by the file is never behind;
	// its own statistics go on counting leases that have expired, and addresses
	// that were declined.
	k := &configured{program: p, confFile: p.file("kea.json"), conf: keaTemplate, leaseFile: p.file("kea-leases4.csv"), count: countKeaLeases}
	k.args = []string{"-c", k.confFile}
	return l.serveConfigured(k)
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

// countKeaLeases counts the leases in force in a lease file of Kea: of each
// address the last row holds.
func countKeaLeases(csv string, now time.Time) int {
	const address, lifetime, expire, state, columns = 0, 3, 4, 9, 10
	held := map[string]bool{}
	for line := range strings.Lines(csv) {
		row := strings.Split(line, ",")
		if len(row) < columns || !strings.HasSuffix(line, "\n") {
			continue // it is being written
		}
		until, err := strconv.ParseInt(row[expire], 10, 64)
		if err != nil {
			continue // the names of the columns
		}
		// A row without a lifetime deletes a lease, and a state other than 0 is
		// an address that was declined, or a lease that has expired.
		held[row[address]] = row[lifetime] != "0" && strings.TrimSpace(row[state]) == "0" && now.Unix() < until
	}
	return count(held)
}
